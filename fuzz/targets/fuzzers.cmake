# SPDX-License-Identifier: GPL-2.0 OR MIT
# Fuzz targets. Included from the top, after everything else: they take the sources of mmodel_model, mmodel_spec and mmodel_ops.
#   {hvo,percpu,mixed,canary}_fuzzer_standalone   no engine, any compiler; built with the tests so that targets never rot
#   {hvo,percpu,mixed,canary}_fuzzer              with an engine; MMODEL_FUZZ, clang
#   linux_fuzzer                                  with libFuzzer, on a kernel tree's file; MMODEL_CLI, too
set(mmodel_targets hvo percpu mixed)   # canary is hvo with a planted bug

option(MMODEL_FUZZ "Build the fuzz targets with an engine (needs clang and its libFuzzer)" OFF)
set(LIB_FUZZING_ENGINE "$ENV{LIB_FUZZING_ENGINE}" CACHE STRING
    "What links the engine. Empty: libFuzzer, and the instrumentation is ours. Else instrumentation comes in CMAKE_CXX_FLAGS, as OSS-Fuzz has it")

# Coverage that tells an engine nothing here costs half the speed: operands are decoded modulo, and the mutator is ours.
set(MMODEL_FUZZ_UNUSED trace-cmp,indirect-calls,stack-depth CACHE STRING "Kinds of sanitizer coverage that targets do without")

function(mmodel_fuzz_objects name)   # SOURCE...: compiled for an engine
  add_library(${name} OBJECT EXCLUDE_FROM_ALL ${ARGN})
  target_include_directories(${name} PUBLIC ${mmodel_SOURCE_DIR})
  target_compile_definitions(${name} PRIVATE $<$<BOOL:${MMODEL_ASSERTIONS}>:_GLIBCXX_ASSERTIONS>)
  if(LIB_FUZZING_ENGINE)   # another project's compiler, with warnings of its own
    target_compile_options(${name} PRIVATE -Wall -Wextra)
  else()
    target_compile_options(${name} PRIVATE -Wall -Wextra $<$<BOOL:${MMODEL_WERROR}>:-Werror> -fsanitize=fuzzer-no-link)
  endif()
  target_compile_options(${name} PRIVATE -fno-sanitize-coverage=${MMODEL_FUZZ_UNUSED})
endfunction()

function(mmodel_fuzzer name)
  mmodel_fuzz_objects(${name}_entry fuzz/targets/${name}.cpp fuzz/targets/entry_points.cpp)
  add_executable(${name})
  target_link_libraries(${name} PRIVATE ${name}_entry mmodel_fuzz_judged mmodel_fuzz_broken mmodel_fuzz_around)
  if(LIB_FUZZING_ENGINE)
    target_link_libraries(${name} PRIVATE ${LIB_FUZZING_ENGINE})
  else()
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  endif()
endfunction()

function(mmodel_standalone_fuzzer name)
  add_executable(${name}_standalone fuzz/targets/standalone_main.cpp fuzz/targets/entry_points.cpp fuzz/targets/${name}.cpp fuzz/targets/harness.cpp)
  target_link_libraries(${name}_standalone PRIVATE mmodel_ops)
endfunction()

if(MMODEL_FUZZ OR MMODEL_TESTS)
  foreach(target ${mmodel_targets} canary)
    mmodel_standalone_fuzzer(${target}_fuzzer)
  endforeach()
endif()

if(MMODEL_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "MMODEL_FUZZ needs clang, and this is ${CMAKE_CXX_COMPILER_ID}; without it there are *_fuzzer_standalone")
  endif()
  get_target_property(model mmodel_model SOURCES)
  get_target_property(spec mmodel_spec SOURCES)
  get_target_property(ops mmodel_ops SOURCES)
  list(TRANSFORM model PREPEND ${mmodel_SOURCE_DIR}/model/)
  list(TRANSFORM spec PREPEND ${mmodel_SOURCE_DIR}/spec/)
  list(TRANSFORM ops PREPEND ${mmodel_SOURCE_DIR}/fuzz/)
  # Coverage of what parses, prints, mutates and shrinks is no news to an engine, and each counter costs every execution.
  set(judged ${model} ${spec})
  list(FILTER judged EXCLUDE REGEX "(event|geometry|invariant|op)\\.cpp$")
  set(around ${model} ${spec} ${ops} fuzz/targets/harness.cpp)
  list(REMOVE_ITEM around ${judged})
  mmodel_fuzz_objects(mmodel_fuzz_judged ${judged})
  mmodel_fuzz_objects(mmodel_fuzz_broken spec/sabotage/broken.cpp)   # the canary's model
  mmodel_break(mmodel_fuzz_broken)
  foreach(objects mmodel_fuzz_judged mmodel_fuzz_broken)
    target_compile_options(${objects} PRIVATE
      -fsanitize-coverage-ignorelist=${mmodel_SOURCE_DIR}/fuzz/targets/coverage.ignore -Wno-unused-command-line-argument)
  endforeach()
  mmodel_fuzz_objects(mmodel_fuzz_around ${around})
  target_compile_options(mmodel_fuzz_around PRIVATE
    -fno-sanitize-coverage=inline-8bit-counters,pc-table,trace-pc-guard,trace-cmp,indirect-calls,stack-depth)
  foreach(target ${mmodel_targets} canary)
    mmodel_fuzzer(${target}_fuzzer)
  endforeach()
  # A kernel tree's own file, which is compiled with coverage when the target starts: nothing here needs any.
  if(MMODEL_CLI AND NOT LIB_FUZZING_ENGINE)
    add_executable(linux_fuzzer fuzz/targets/linux_fuzzer.cpp)
    target_link_libraries(linux_fuzzer PRIVATE mmodel_campaign)
    target_link_options(linux_fuzzer PRIVATE -fsanitize=fuzzer)
  endif()
  # For afl-fuzz, which wants the mutator apart from the target.
  add_library(mmodel_afl_mutator MODULE EXCLUDE_FROM_ALL fuzz/targets/afl_mutator.cpp ${model} ${ops})
  target_link_libraries(mmodel_afl_mutator PRIVATE mmodel_flags)
  set_target_properties(mmodel_afl_mutator PROPERTIES POSITION_INDEPENDENT_CODE ON LIBRARY_OUTPUT_DIRECTORY ${mmodel_BINARY_DIR}/lib)
endif()

if(MMODEL_TESTS)
  # Found where props/ is, but only seen there.
  find_package(Catch2 2 REQUIRED)
  find_package(rapidcheck REQUIRED)
  include(Catch)
  mmodel_test(mmodel_harness_test unit ${mmodel_SOURCE_DIR}/props/fuzz/targets/harness_test.cpp ${mmodel_SOURCE_DIR}/fuzz/targets/harness.cpp)

  function(mmodel_fuzz_test name)
    add_test(NAME fuzz-regression/${name} COMMAND ${ARGN})
    set_tests_properties(fuzz-regression/${name} PROPERTIES LABELS fuzz-regression)
  endfunction()
  set(canary ${mmodel_SOURCE_DIR}/fuzz/targets/canary.sh)
  foreach(target ${mmodel_targets})
    mmodel_fuzz_test(${target}_fuzzer_runs_the_corpus ${target}_fuzzer_standalone ${mmodel_SOURCE_DIR}/corpus)
  endforeach()
  mmodel_fuzz_test(canary_fails_on_its_trace ${canary} --trace ${mmodel_SOURCE_DIR}/corpus $<TARGET_FILE:canary_fuzzer_standalone>)
  if(MMODEL_FUZZ)
    mmodel_fuzz_test(canary_fails_from_nothing ${canary} $<TARGET_FILE:canary_fuzzer> $<TARGET_FILE:hvo_fuzzer>)
    set_tests_properties(fuzz-regression/canary_fails_from_nothing PROPERTIES TIMEOUT 300)
    if(TARGET linux_fuzzer)
      mmodel_fuzz_test(linux_fuzzer_finds_a_leak_of_the_stand_in_tree ${mmodel_SOURCE_DIR}/fuzz/targets/linux_fuzzer.sh
        $<TARGET_FILE:linux_fuzzer> $<TARGET_FILE:hvo_fuzzer_standalone> $<TARGET_FILE:mmodel>
        ${mmodel_SOURCE_DIR}/spec/linux/fixtures/reuse_page ${mmodel_SOURCE_DIR}/corpus)
    endif()
    add_test(NAME long/hvo_fuzzer_finds_nothing_in_two_minutes
      COMMAND hvo_fuzzer -seed=7 -max_len=8200 -max_total_time=120 -artifact_prefix=${mmodel_BINARY_DIR}/)
    set_tests_properties(long/hvo_fuzzer_finds_nothing_in_two_minutes PROPERTIES LABELS long)
  endif()
endif()
