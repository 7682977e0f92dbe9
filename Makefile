# Nothing here calls apt or asks for root.
PYTHON ?= python3
PREFIX ?= $(HOME)/.local
DESTDIR ?=
SEEDS ?= 10000
HERE = $(dir $(lastword $(MAKEFILE_LIST)))
BEFORE ?= $(if $(wildcard $(HERE).git),HEAD~1)

.PHONY: help install uninstall example example-remote sweep test \
	test-all test-slurm simulate chaos bench bench-lab lint dist clean

help:  ## say what there is to make (this)
	@sed -n 's/^\([a-z-]*\):.*## /make \1	/p' "$(HERE)Makefile" | expand -t 20

install:  ## install fjd in PREFIX (~/.local), by install.sh
	@DESTDIR="$(DESTDIR)" "$(HERE)install.sh" --prefix "$(PREFIX)"

uninstall:  ## remove what make install has put there
	@DESTDIR="$(DESTDIR)" "$(HERE)install.sh" --prefix "$(PREFIX)" --uninstall

example:  ## run ten jobs on four workers, in the project example
	@"$(HERE)example/run-example.sh" example
	@"$(HERE)tests/missing"

example-remote:  ## run them on the hosts of ~/.fjd/remote-example/remote.conf
	@"$(HERE)example/run-remote-example.sh"

sweep:  ## fit a curve twelve times, in the project sweep
	@"$(HERE)example/run-sweep.sh" sweep
	@"$(HERE)tests/missing"

test:  ## run the quick tests on PYTHON; what they need goes to .test/
	@"$(HERE)tests/run" "$(PYTHON)" -n 2 -m "not slow and not alone"

test-all:  ## run all tests (30 minutes), also those of labs, as root
	@status=0; \
	"$(HERE)tests/run" "$(PYTHON)" -n 4 --dist loadgroup -m "not alone" || status=1; \
	"$(HERE)tests/run" "$(PYTHON)" -m "alone and not long" || status=1; \
	exit $$status

test-slurm:  ## run the tests on the Slurm of FJD_SLURM, also those of minutes
	@"$(HERE)tests/run" "$(PYTHON)" --all-needs --durations=20 \
		tests/lab/test_slurm.py tests/lab/test_slurmpage.py \
		tests/lab/test_slurm_long.py

simulate:  ## simulate SEEDS clusters, and see that no job is ever lost
	@"$(HERE)tests/run" "$(PYTHON)" tests/simulate --seeds "$(SEEDS)"

chaos:  ## kill all kinds while 3,500 jobs and tasks run (JOBS=, TASKS=, SEED=)
	@"$(PYTHON)" "$(HERE)tests/crash/chaos" $(if $(JOBS),--jobs "$(JOBS)") \
		$(if $(TASKS),--tasks "$(TASKS)") $(if $(SEED),--seed "$(SEED)")

bench:  ## measure fjd and the commit BEFORE beside xargs and others (20 minutes)
	@"$(PYTHON)" "$(HERE)tests/bench" $(if $(BEFORE),--before "$(BEFORE)")

bench-lab:  ## measure fjd beside ssh xargs and GNU parallel on the FJD_LAB
	@"$(HERE)tests/run" "$(PYTHON)" tests/bench-lab

lint:  ## look at the code with flake8 and, where it is there, shellcheck
	@"$(HERE)tests/lint" "$(PYTHON)"

dist:  ## pack dist/fjd-VERSION.tar.gz, which needs no network to install
	@"$(HERE)tests/run" "$(PYTHON)" tests/dist

clean:  ## remove what make test and the examples left here
	cd "$(HERE)." && rm -rf .test .pytest_cache .hypothesis build dist *.egg-info
	cd "$(HERE)." && rm -rf example/logfiles example/results
	find "$(HERE)." -name __pycache__ -type d -prune -exec rm -rf {} +
