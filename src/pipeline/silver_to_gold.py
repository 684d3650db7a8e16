"""`python -m src.pipeline.silver_to_gold`, from the top of a checkout."""

from pyspark_interview_project.pipeline.silver_to_gold import main

if __name__ == "__main__":
    main()
