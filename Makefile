# Five verbs; .ci/run uses the same ones.
BIN      := bin
LDFLAGS  := -s -w
GOTEST   ?= go test
FUZZTIME ?= 15s

.PHONY: build test lint bench fuzz deps fmt

build:
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/rtk ./cmd/rtk

# deps installs what the tests drive, or names what is missing.
deps:
	@.ci/deps

# The second line drives real load: one package at a time, or they would be
# each other's noise.
test: deps
	$(GOTEST) -race -timeout 15m $$(go list ./... | grep -v /test/)
	$(GOTEST) -race -timeout 20m -p 1 ./test/...

lint:
	@.ci/lint

fmt:
	go tool -modfile=tools/go.mod gofumpt -w cmd pkg internal scenarios test bench examples

bench:
	$(GOTEST) -run '^$$' -bench . -benchmem ./...

fuzz:
	@.ci/fuzz $(FUZZTIME)
