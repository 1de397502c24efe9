# Targets for people and for CI. `make help` lists them.
#
# Tools are pinned in modules of their own (hack/tools, hack/lab, hack/bench),
# so that nothing of theirs reaches oreg's go.mod.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GO      ?= go
BIN     := $(CURDIR)/bin
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
TOOLS   := $(BIN)/tools
# The modules of this repository, for what is done to each of them.
MODULES := . hack/lab hack/bench

.PHONY: help
help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## bin/oreg, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o $(BIN)/oreg ./cmd/oreg

.PHONY: lab
lab: ## bin/lab: real registries, sshd and kube-apiserver on this machine (about 5 minutes, once)
	@hack/buildlab.sh $(BIN)

.PHONY: demo
demo: build lab ## the main job end to end on this machine, then everything taken down; any user
	@hack/demo.sh $(BIN)

.PHONY: unit
unit: ## fast tests: no root, nothing installed, seconds
	$(GO) test -race ./...

.PHONY: deps
deps: lab ## install what the tests need (root on Debian), or say what is missing
	@$(BIN)/lab deps

.PHONY: test
test: deps build lint ## everything: lint, unit tests, tests on real parts (root on Debian)
	hack/test.sh $(BIN)

.PHONY: fuzz
fuzz: ## every fuzz target for a while (FUZZTIME=1m)
	hack/fuzz.sh $(or $(FUZZTIME),1m)

.PHONY: lint
lint: $(TOOLS)/.built ## gofmt, go vet, staticcheck, errcheck, errorlint, testifylint, govulncheck
	hack/lint.sh $(TOOLS) $(wildcard $(MODULES))

$(TOOLS)/.built: hack/tools/go.mod hack/tools/go.sum
	@echo "building the linters (once)"
	@mkdir -p $(TOOLS)
	@$(GO) -C hack/tools build -o $(TOOLS)/ tool
	@touch $@

.PHONY: bench
bench: build lab ## oreg against a bare SSH fan-out and ansible-playbook, in turn
	$(GO) -C hack/bench run . -oreg $(BIN)/oreg -lab $(BIN)/lab

.PHONY: clean
clean: ## remove what was built
	rm -rf $(BIN)
