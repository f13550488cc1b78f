# Runnel. `make help` lists what there is.
.DEFAULT_GOAL := help
.PHONY: help run test test-devices bench sim lint docs fuzz clean deps deps-test

CARGO ?= cargo
LOCKED := --locked

help: ## Lists the targets.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

deps: ## Installs the native packages that are missing.
	@sh packaging/install-deps.sh

deps-test:
	@sh packaging/install-deps.sh --test

run: deps ## Builds Runnel and opens it; without a display it runs the demo in the terminal.
	$(CARGO) run $(LOCKED) -p runnel --bin runnel

test: deps-test lint ## Checks formatting, lints, documentation and runs every test.
	$(CARGO) build $(LOCKED) --workspace --bins
	sh tests/run.sh

lint: ## rustfmt, clippy with warnings denied, and the documentation build.
	$(CARGO) fmt --all --check
	$(CARGO) clippy $(LOCKED) --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc $(LOCKED) --workspace --no-deps --quiet

test-devices: ## Camera, sound card and a bad network in a virtual machine (installs QEMU).
	@sh packaging/install-deps.sh --test
	sh tests/device-lab/run.sh

bench: deps-test ## Measures us against bare references in the same run and prints ratios.
	sh tests/bench.sh

fuzz: ## Runs every fuzz target for a minute (needs nightly and cargo-fuzz; see media/fuzz/README.md).
	sh tests/fuzz.sh

sim: ## Plays the swarm in virtual time, all scenarios; takes hours and goes on where it was stopped.
	$(CARGO) build $(LOCKED) --release -p runnel-p2p --bin swarm-sim
	sh tests/sim.sh

docs: ## Builds the API documentation.
	$(CARGO) doc $(LOCKED) --workspace --no-deps

clean: ## Removes everything that was built.
	$(CARGO) clean
