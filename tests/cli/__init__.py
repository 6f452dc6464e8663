"""Tests of the command line, called in this process on a database of their own."""
