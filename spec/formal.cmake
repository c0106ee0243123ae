# SPDX-License-Identifier: GPL-2.0 OR MIT
# The formal layers that are not C++: Spin over spec/concurrency, Dafny and Z3 over spec/proof. Label formal; what takes long is under
# long. A tool that is not installed is a skip, or a failure where CI is set. All work is done below the build directory.
function(mmodel_formal_test name label)
  add_test(NAME ${label}/${name} COMMAND ${ARGN} --dir ${CMAKE_BINARY_DIR}/formal/${name} --jobs 1 --skip-code 77)
  set_tests_properties(${label}/${name} PROPERTIES LABELS ${label} SKIP_RETURN_CODE 77 TIMEOUT 1800)
endfunction()

set(spin_py ${CMAKE_SOURCE_DIR}/spec/concurrency/run.py)
set(prove_py ${CMAKE_SOURCE_DIR}/spec/proof/prove.py)
mmodel_formal_test(concurrency_hvo formal ${spin_py} --model hvo.pml)
mmodel_formal_test(concurrency_percpu formal ${spin_py} --model percpu.pml)
mmodel_formal_test(proof_hvo formal ${prove_py} --file hvo.dfy)
mmodel_formal_test(proof_percpu formal ${prove_py} --file percpu.dfy)
mmodel_formal_test(proof_counts formal ${prove_py} --file counts.smt2)
mmodel_formal_test(proof_mutants_quick formal ${prove_py} --mutants --quick)
mmodel_formal_test(concurrency_long long ${spin_py} --long)
mmodel_formal_test(proof_mutants long ${prove_py} --mutants)
add_test(NAME formal/sabotage_table COMMAND ${CMAKE_SOURCE_DIR}/spec/sabotage.py)
set_tests_properties(formal/sabotage_table PROPERTIES LABELS formal)
