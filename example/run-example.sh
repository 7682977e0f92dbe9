#!/bin/sh
# Ten jobs, four workers: run-example.sh [PROJECT]
set -e
project=${1:-${FJD_PROJECT:-default}}
cd "$(dirname "$0")"

python3 create_jobs.py "$project"
../bin/fjd-recruiter --project "$project" hire 4
../bin/fjd-dispatcher --project "$project"
ls logfiles/
