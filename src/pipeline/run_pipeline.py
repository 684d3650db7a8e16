"""`python -m src.pipeline.run_pipeline`, from the top of a checkout."""

from pyspark_interview_project.pipeline.run_pipeline import main

if __name__ == "__main__":
    main()
