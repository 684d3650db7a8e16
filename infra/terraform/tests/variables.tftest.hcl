# terraform test: values that are refused before anything is planned.
mock_provider "aws" {}

mock_provider "aws" {
  alias = "backup"
}

variables {
  name          = "returns-test"
  region        = "eu-central-1"
  backup_region = "eu-west-1"
  lake_path     = "/mnt/returns"
  trusted_arns = {
    pipeline = ["arn:aws:iam::123456789012:role/machines"]
    backup   = ["arn:aws:iam::123456789012:role/machines"]
    prune    = ["arn:aws:iam::123456789012:role/on-call"]
  }
}

run "name_that_no_bucket_can_have_is_refused" {
  command = plan

  variables {
    name = "Returns_Lake"
  }

  expect_failures = [var.name]
}

run "path_that_steps_up_is_refused" {
  command = plan

  variables {
    lake_path = "/mnt/../etc"
  }

  expect_failures = [var.lake_path]
}

run "uri_as_the_path_of_the_lake_is_refused" {
  command = plan

  variables {
    lake_path = "s3://bucket/lake"
  }

  expect_failures = [var.lake_path]
}

run "more_old_versions_than_delta_bears_are_refused" {
  command = plan

  variables {
    overwritten_days = 90
  }

  expect_failures = [var.overwritten_days]
}

run "who_runs_the_pipeline_must_not_prune" {
  command = plan

  variables {
    trusted_arns = {
      pipeline = ["arn:aws:iam::123456789012:role/machines"]
      backup   = ["arn:aws:iam::123456789012:role/machines"]
      prune    = ["arn:aws:iam::123456789012:role/machines"]
    }
  }

  expect_failures = [var.trusted_arns]
}

run "anybody_is_refused" {
  command = plan

  variables {
    trusted_arns = {
      pipeline = ["*"]
      backup   = ["arn:aws:iam::123456789012:role/machines"]
      prune    = ["arn:aws:iam::123456789012:role/on-call"]
    }
  }

  expect_failures = [var.trusted_arns]
}
