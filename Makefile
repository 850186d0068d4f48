# The commands of this project; each is a script, or one line of cargo. `make help` lists them.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo demo-sentry test chaos soak fuzz sanitize bench build stubs-check docs lint clean

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## a RoadRunner binary from PHP, from nothing, in minutes; HOST=frankenphp: the same from FrankenPHP
	@HOST='$(HOST)' scripts/demo.sh

demo-sentry: ## an error of PHP, and one of a process that is killed, arrive in a real Sentry server; from nothing, in a minute
	@scripts/demo-sentry.sh

test: ## everything, installs included; STAGE=phpt: one stage (provision, lint, sources, rust, build, phpt, stubs, hosts, chaos, soak, fuzz, sanitizers)
	@STAGE='$(STAGE)' scripts/test.sh

chaos: ## chaos test: kills PHP processes at random and at failpoints, checks the survivors; KILLS=, SEED=, PROCESSES=, SCENARIO=failpoints|random_kills|failover|thundering_herd|build_failure|outbox|senders
	@scripts/setup.sh base test
	@scripts/chaos.sh --scenario '$(or $(SCENARIO),all)' --kills '$(or $(KILLS),10000)' --processes '$(or $(PROCESSES),12)' --rounds '$(or $(ROUNDS),100)' $(if $(SEED),--seed '$(SEED)')

soak: ## one worker of each host under load, then 1,000,000 endings of requests; SOAK_SECONDS=3600: for an hour
	@SOAK_SECONDS='$(SOAK_SECONDS)' SOAK_REQUESTS='$(SOAK_REQUESTS)' SOAK_ENDINGS='$(or $(SOAK_ENDINGS),1000000)' STAGE=soak scripts/test.sh

fuzz: ## parsers of foreign bytes against made-up ones; TARGET=index: one of them; SECONDS=60: so long each, and not an hour
	@scripts/setup.sh base
	@scripts/fuzz.sh --seconds '$(or $(SECONDS),3600)' $(TARGET)

sanitize: ## all of PHP's tests under valgrind and in a debug PHP, and does loom's model notice each lost ordering? an hour
	@scripts/setup.sh base test
	@SANITIZE_PHPT=. SANITIZE_SECONDS=7200 scripts/stages/75-sanitizers.sh
	@scripts/sanitizers/mutations.sh

bench: ## our numbers beside those of the peers, in one run
	@scripts/bench.sh

build: ## target/release/libpillion.so, for the PHP of PATH
	@scripts/setup.sh base
	@. scripts/lib.sh && cargo build --release

stubs-check: ## do the stubs say what the extension has?
	@scripts/stubs-check.sh

docs: ## the Rust docs, in target/doc
	@. scripts/lib.sh && cargo doc --workspace --all-features --no-deps --document-private-items

lint: ## formatting, lints, syntax
	@STAGE=lint scripts/test.sh

clean: ## removes what was built in this checkout; compiled dependencies and hosts stay in the user's cache
	rm -rf target
	git clean -fdXq tests-php
