# The commands of this project; each is a script, or one line of cargo. `make help` lists them.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo demo-cache demo-remote demo-sentry demo-serve test chaos soak fuzz sanitize bench build stubs-check docs lint clean

help: ## lists the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## builds a RoadRunner binary from PHP, from nothing, in minutes; HOST=frankenphp: the same from FrankenPHP
	@HOST='$(HOST)' scripts/demo.sh

demo-cache: ## PHP processes and the command line share values; writers and a Redis are killed; from nothing, in minutes
	@scripts/demo-cache.sh

demo-remote: ## one host builds, others get it: a workspace in two checkouts, a RoadRunner on two PHP hosts, object storage; from nothing
	@scripts/demo-remote.sh

demo-sentry: ## sends an error, and one of a killed process, to a real Sentry server; from nothing, in a minute
	@scripts/demo-sentry.sh

demo-serve: ## clients of nginx, Caddy and RoadRunner download a binary while it is built, no PHP worker waits; from nothing
	@scripts/demo-serve.sh

test: ## runs all tests, installs included; STAGE=phpt: one stage (provision, lint, sources, rust, build, phpt, stubs, hosts, chaos, soak, fuzz, sanitizers)
	@STAGE='$(STAGE)' scripts/test.sh

chaos: ## chaos test: kills PHP processes at random and at failpoints, checks the survivors; KILLS=, SEED=, PROCESSES=, SCENARIO=failpoints|random_kills|failover|thundering_herd|build_failure|outbox|senders|cache|serve
	@scripts/setup.sh base test
	@scripts/chaos.sh --scenario '$(or $(SCENARIO),all)' --kills '$(or $(KILLS),10000)' --processes '$(or $(PROCESSES),12)' --rounds '$(or $(ROUNDS),100)' $(if $(SEED),--seed '$(SEED)')

soak: ## soak test: one worker of each host under load, then 1,000,000 request endings; SOAK_SECONDS=3600: for an hour
	@SOAK_SECONDS='$(SOAK_SECONDS)' SOAK_REQUESTS='$(SOAK_REQUESTS)' SOAK_ENDINGS='$(or $(SOAK_ENDINGS),1000000)' STAGE=soak scripts/test.sh

fuzz: ## fuzz test: all parsers of foreign bytes, an hour each; TARGET=index: one of them; SECONDS=60: a minute each
	@scripts/setup.sh base
	@scripts/fuzz.sh --seconds '$(or $(SECONDS),3600)' $(TARGET)

sanitize: ## runs the PHP tests under valgrind and on a debug PHP, and the loom mutation tests (an hour)
	@scripts/setup.sh base test
	@SANITIZE_PHPT=. SANITIZE_SECONDS=7200 scripts/stages/75-sanitizers.sh
	@scripts/sanitizers/mutations.sh

bench: ## benchmarks: Pillion beside its peers in one run; BENCH=find: one of them
	@scripts/bench.sh

build: ## builds target/release/libpillion.so, for the PHP of PATH
	@scripts/setup.sh base
	@. scripts/lib.sh && cargo build --release

stubs-check: ## compares the stubs with the extension
	@scripts/stubs-check.sh

docs: ## builds the Rust docs, in target/doc
	@. scripts/lib.sh && cargo doc --workspace --all-features --no-deps --document-private-items

lint: ## formatting, lints, syntax, language of the docs
	@STAGE=lint scripts/test.sh

clean: ## removes build output of this checkout; compiled dependencies and hosts stay in the user's cache
	rm -rf target
	git clean -fdXq tests-php
