"""Speed measured against floors in the same run: `make bench`, or `make bench ARGS=--quick`."""
