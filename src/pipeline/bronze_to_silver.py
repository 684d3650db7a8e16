"""`python -m src.pipeline.bronze_to_silver`, from the top of a checkout."""

from pyspark_interview_project.pipeline.bronze_to_silver import main

if __name__ == "__main__":
    main()
