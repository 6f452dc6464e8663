"""Key runs on the judging board: what a fast person presses against what the database holds, undisturbed and in trouble."""
