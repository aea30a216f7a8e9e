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

test: deps
	$(GOTEST) -race -timeout 20m ./...

lint:
	@.ci/lint

fmt:
	go tool -modfile=tools/go.mod gofumpt -w cmd pkg internal scenarios test

bench:
	$(GOTEST) -run '^$$' -bench . -benchmem ./...

fuzz:
	@.ci/fuzz $(FUZZTIME)
