# graft - one non-recursive Makefile; sources are found by wildcard, so adding a file needs no edit.
#   make              build/graft and build/libgraft.a
#   make quickstart   set up, build, run the main job on a real base
#   make check        set up, run the whole test suite
#   make bench        measure products and training beside PyTorch (long; tests/bench/RESULTS.md)
#   make check-learning   the main job again: does the score still rise?
#   make check-models     families, templates and types beside other programs, as tables
#   make check-export     artefacts beside the programs they are for, and what survives a merge, as tables
#   make check-cpus       set up, run tests on other processors, emulated (long)
#   make check-sanitizers run tests with addresses, undefined behaviour and races watched (long)
#   make torture          failures of memory, disks and power at every call; kills (long)
#   make fuzz             set up, look for inputs that break something (long; tests/fuzz/run --help)
# BUILD=release|debug|asan|ubsan|tsan|cov|double|fuzz chooses flags and the folder of the objects;
# V=1 shows the commands.

BUILD ?= release
PREFIX ?= /usr/local
ifeq ($(origin CC),default)
CC := $(if $(filter fuzz,$(BUILD)),clang-14,gcc)
endif
V ?= 0
ifeq ($(V),0)
say = @printf '  %-4s %s\n' $(1) '$(2)';
endif

ifeq ($(BUILD),release)
OUT := build
else
OUT := build/$(BUILD)
endif
OBJ := $(OUT)/obj

BASE_FLAGS := -std=c11 -fno-math-errno -ffp-contract=off -fvisibility=hidden \
  -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -MMD -MP -D_GNU_SOURCE
OPT_release := -O3 -g1
OPT_double  := -O2 -g1 -DGRAFT_DOUBLE
OPT_debug   := -Og -g3
OPT_asan    := -O1 -g3 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
OPT_ubsan   := -O1 -g3 -fsanitize=undefined -fno-sanitize-recover=undefined
OPT_tsan    := -O1 -g3 -fsanitize=thread
OPT_cov     := -O0 -g3 --coverage
# Instrumented by clang for libFuzzer; what clang warns of beside gcc is not asked.
OPT_fuzz    := -O2 -g1 -w -fno-omit-frame-pointer -DGRAFT_LIBFUZZER \
  -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
ifndef OPT_$(BUILD)
$(error unknown BUILD=$(BUILD); known: release debug asan ubsan tsan cov double fuzz)
endif

PACKAGES := openblas json-c libzstd yaml-0.1 libpcre2-8
HDF5_FLAGS := $(shell pkg-config --cflags hdf5 2>/dev/null || pkg-config --cflags hdf5-serial 2>/dev/null)
HDF5_LIBS := $(shell pkg-config --libs hdf5 2>/dev/null || pkg-config --libs hdf5-serial 2>/dev/null)
CPPFLAGS += -Iinclude -Isrc $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null) $(HDF5_FLAGS)
VERSION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
CFLAGS += $(BASE_FLAGS) $(OPT_$(BUILD)) -pthread
LDFLAGS += $(OPT_$(BUILD)) -pthread
LDLIBS += $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) $(HDF5_LIBS) -lm

ARCH := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))

# What makes a bug that is still there harder to use; tests/oracle/test_hardening.py looks for it.
ifeq ($(BUILD),release)
CFLAGS += -fPIE -fstack-protector-strong -fstack-clash-protection -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
LDFLAGS += -pie -Wl,-z,relro,-z,now,-z,noexecstack
ifeq ($(ARCH),x86_64)
CFLAGS += -fcf-protection
endif
endif

# Instruction-set folders exist only for the machine they are for; the double build is portable.
ISA_FOLDERS := avx2 avx2bf16 avx512 avx512bf16 amx
KERNEL_FOLDERS := portable
ifneq ($(BUILD),double)
KERNEL_FOLDERS += blas
ifeq ($(ARCH),x86_64)
KERNEL_FOLDERS += $(ISA_FOLDERS)
endif
endif

LIB_SRC := $(filter-out src/kernels/%,$(wildcard src/*/*.c)) $(wildcard src/kernels/*.c) \
  $(foreach d,$(KERNEL_FOLDERS),$(wildcard src/kernels/$(d)/*.c))
LIB_SRC := $(filter-out src/cli/%,$(LIB_SRC))
CLI_SRC := $(wildcard src/cli/*.c)
LIB_OBJ := $(LIB_SRC:%.c=$(OBJ)/%.o)
CLI_OBJ := $(CLI_SRC:%.c=$(OBJ)/%.o)

LIB := $(OUT)/libgraft.a
BIN := $(OUT)/graft

.PHONY: all quickstart check check-learning check-models check-export check-cpus check-sanitizers \
  fuzz fuzz-replays torture
.PHONY: lint bench clean distclean install setup tests
all: $(BIN)

-include $(foreach d,$(KERNEL_FOLDERS),$(wildcard src/kernels/$(d)/flags.mk))

# gcc's bug 110027: on the stack that finds addresses of returned functions wide vectors are misplaced.
ifeq ($(BUILD),asan)
$(OBJ)/src/kernels/%.o $(OBJ)/tests/support/emulated_amx.o: FRAME_FLAGS := --param asan-use-after-return=0
endif

# Nothing of these depends on what a file looks like: to fuzzers they are only time.
ifeq ($(BUILD),fuzz)
$(OBJ)/src/core/sha256.o $(OBJ)/src/core/rng.o $(OBJ)/src/kernels/%.o: FRAME_FLAGS := -fno-sanitize=fuzzer-no-link
endif

$(OBJ)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,cc,$<)$(CC) $(CPPFLAGS) $(CFLAGS) $(ISA_FLAGS) $(FRAME_FLAGS) -c $< -o $@

$(OBJ)/src/core/version.o: CPPFLAGS += -DGRAFT_BUILD='"$(VERSION)"'
$(OBJ)/src/core/version.o: $(wildcard .git/logs/HEAD)

$(LIB): $(LIB_OBJ)
	@rm -f $@
	$(call say,ar,$@)$(AR) rcs $@ $^

$(BIN): $(CLI_OBJ) $(LIB)
	$(call say,ld,$@)$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

# Tests: each tests/{unit,kernels,fuzz}/*.c is one cmocka program, tests/grad/*.c are those of the
# double build, and tests/oracle/*.c are small programs that the Python tests beside them drive.
TEST_SRC := $(wildcard tests/unit/*.c tests/kernels/*.c tests/fuzz/*.c tests/oracle/*.c)
GRAD_SRC := $(wildcard tests/grad/*.c)
TEST_SUPPORT := $(filter-out $(if $(filter fuzz,$(BUILD)),%/emulated_amx.c %/kernels.c), \
  $(wildcard tests/support/*.c))
TEST_BIN := $(TEST_SRC:%.c=$(OUT)/%)
FUZZ_BIN := $(patsubst %.c,$(OUT)/%,$(wildcard tests/fuzz/*.c))
GRAD_BIN := $(GRAD_SRC:%.c=$(OUT)/%)
# What tests/torture/run loads before graft: it makes the system fail.
SHIM := $(OUT)/tests/torture/shim.so
ifeq ($(BUILD),double)
tests: $(GRAD_BIN)
else ifeq ($(BUILD),fuzz)
tests: $(FUZZ_BIN)
$(FUZZ_BIN): LDFLAGS += -fsanitize=fuzzer
else
tests: $(TEST_BIN) $(SHIM)
endif
fuzz-replays: $(FUZZ_BIN)
$(SHIM): $(wildcard tests/torture/*.c tests/torture/*.h)
	@mkdir -p $(@D)
	$(call say,ld,$@)$(CC) $(filter-out -MMD -MP,$(BASE_FLAGS)) -O2 -g1 -fPIC -shared $(filter %.c,$^) -o $@
SUPPORT := $(TEST_SUPPORT:%.c=$(OBJ)/%.o)
# libFuzzer looks through all counters of a program after each input: it gets only what it uses.
ifeq ($(BUILD),fuzz)
$(OUT)/tests/support.a: $(SUPPORT)
	@mkdir -p $(@D) && rm -f $@
	$(call say,ar,$@)$(AR) rcs $@ $^
SUPPORT := $(OBJ)/tests/support/fuzz.o $(OBJ)/tests/support/test.o $(OUT)/tests/support.a
endif
$(OUT)/tests/%: $(OBJ)/tests/%.o $(SUPPORT) $(LIB)
	@mkdir -p $(@D)
	$(call say,ld,$@)$(CC) $(LDFLAGS) $^ $(LDLIBS) -lcmocka -o $@
$(OBJ)/tests/%.o: CPPFLAGS += -Itests

-include $(wildcard $(LIB_OBJ:.o=.d) $(CLI_OBJ:.o=.d) $(OBJ)/tests/*/*.d)
.SECONDARY:

setup:
	scripts/setup
quickstart: setup
	$(MAKE) -j$$(nproc) all
	scripts/get-base
	scripts/get-data
	$(BIN) train configs/quickstart.yaml
check:
	scripts/setup --tests
	scripts/get-base
	scripts/get-data
	tests/run
check-learning: setup
	$(MAKE) -j$$(nproc) all
	scripts/get-base
	scripts/get-data
	tests/learning/run
check-models:
	scripts/setup --tests
	scripts/get-base
	tests/models/run
	tests/models/templates
	tests/models/types
check-export:
	scripts/setup --tests
	scripts/get-base
	scripts/get-data
	tests/exports/run
check-cpus:
	scripts/setup --cpus
	scripts/get-sysroot
	tests/cpus/run
# Races are looked for where threads work side by side: everything else would only take longer.
THREADED := adapter_dora autograd_live_rows autograd_ops core_status core_threads data_linter export_dora \
  export_quantize export_rounding infer_generator model_context model_memory tokenizer_encode train_base_watch \
  train_finite train_pace train_trainer train_watch
check-sanitizers:
	scripts/setup --tests
	scripts/get-base
	scripts/get-data
	BUILD=asan tests/run unit kernels fuzz cli bad
	BUILD=tsan tests/run kernels
	BUILD=tsan tests/run unit $(THREADED)
	BUILD=asan tests/memory/run
	tests/memory/run
fuzz:
	scripts/setup --fuzz
	EVERY_BYTE=1 tests/run unit io_every_byte
	tests/fuzz/run
	tests/fuzz/recall
torture: setup
	$(MAKE) -j$$(nproc) all $(SHIM)
	tests/torture/run
lint:
	scripts/lint
bench:
	scripts/setup --tests
	scripts/get-base
	scripts/get-data
	$(MAKE) -j$$(nproc) all
	tests/bench/run
install: all
	install -D -m 755 $(BIN) $(DESTDIR)$(PREFIX)/bin/graft
	install -D -m 644 $(LIB) $(DESTDIR)$(PREFIX)/lib/libgraft.a
	install -d $(DESTDIR)$(PREFIX)/include/graft
	install -m 644 include/graft/*.h $(DESTDIR)$(PREFIX)/include/graft
# Keeps what was downloaded; distclean does not.
clean:
	test ! -d build || find build -mindepth 1 -maxdepth 1 ! -name base ! -name data ! -name oracle-venv \
	  ! -name sysroot-arm64 -exec rm -rf {} +
distclean:
	rm -rf build
