#!/bin/sh
# Ten jobs on the machines that remote.conf names: run-remote-example.sh
set -e
project=remote-example
directory=${FJD_DIR:-$HOME/.fjd}/$project
cd "$(dirname "$0")"

python3 create_jobs.py "$project"
# The one that is there is yours, and stays.
[ -e "$directory/remote.conf" ] || cp remote.conf "$directory/remote.conf"
../bin/fjd-recruiter --project "$project" hire
../bin/fjd-dispatcher --project "$project"
