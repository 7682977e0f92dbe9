#!/bin/sh
# Fit a curve twelve times, and show all fits in a table:
# run-sweep.sh [PROJECT]
set -e
project=${1:-${FJD_PROJECT:-default}}
cd "$(dirname "$0")"

python3 sweep.py put "$project"
../bin/fjd-recruiter --project "$project" hire
../bin/fjd-dispatcher --project "$project"
python3 sweep.py table
