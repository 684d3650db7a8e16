"""`python -m pyspark_interview_project`, the same as `returns`."""

from pyspark_interview_project.cli import main

if __name__ == "__main__":
    main()
