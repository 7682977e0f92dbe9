#!/bin/sh
# Ten jobs on the machines that remote.conf names: run-remote-example.sh
set -e
project=remote-example
directory=${FJD_DIR:-$HOME/.fjd}/$project
cd "$(dirname "$0")"

python3 create_jobs.py "$project"
# The one that is there is yours, and stays.
[ -e "$directory/remote.conf" ] || cp remote.conf "$directory/remote.conf"
if ! ../bin/fjd-recruiter --project "$project" hire; then
    ../bin/fjd-recruiter --project "$project" fire
    echo "The machines to hire on are in $directory/remote.conf." >&2
    exit 3
fi
../bin/fjd-dispatcher --project "$project"
