"""What an operator fears, done to a whole installation under load: kills, a full disk, a clock that jumps, a moved folder.

    python -m tests.support.drills [kills disk clock moved backup] [--kills 20] [--write docs/drills.md]

Each drill starts `patterndesk up` in a folder of its own, with executions under way and somebody who writes all the time,
and ends by itself. Its row says what was done, what was seen and whether anything was not as it must be.
"""
