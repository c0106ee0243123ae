# SPDX-License-Identifier: GPL-2.0 OR MIT
# The formal layers that are not C++: Spin over spec/concurrency, Dafny and Z3 over spec/proof; and libz3 over the C++ itself in
# spec/symbolic. Label formal; what takes long is under
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
# Same source: the model's own steps and arithmetic over libz3.
function(mmodel_symbolic_proof name label)
  add_test(NAME ${label}/symbolic_${name} COMMAND ${CMAKE_SOURCE_DIR}/spec/symbolic/prove.py ${CMAKE_BINARY_DIR}/bin/mmodel_prove ${ARGN})
  set_tests_properties(${label}/symbolic_${name} PROPERTIES LABELS ${label} SKIP_RETURN_CODE 77 TIMEOUT 3600)
endfunction()
mmodel_symbolic_proof(hvo formal --theorem hvo_two_init --theorem hvo_two_inhabited --theorem hvo_two_step --theorem hvo_gigantic_init
  --theorem hvo_gigantic_inhabited --theorem hvo_gigantic_step)
mmodel_symbolic_proof(hvo_list formal --theorem hvo_two_list)
mmodel_symbolic_proof(percpu formal --theorem percpu_small_init --theorem percpu_small_inhabited --theorem percpu_small_step)
mmodel_symbolic_proof(arithmetic formal --theorem arithmetic)
mmodel_symbolic_proof(sabotages formal --sabotages)
mmodel_symbolic_proof(gigantic_list long --theorem hvo_gigantic_list)
mmodel_symbolic_proof(three long --theorem hvo_three)
mmodel_symbolic_proof(larger long --theorem hvo_larger)
mmodel_symbolic_proof(percpu_others long --theorem percpu_small_others)
mmodel_symbolic_proof(percpu_larger long --theorem percpu_larger)
add_test(NAME formal/sabotage_table COMMAND ${CMAKE_SOURCE_DIR}/spec/sabotage.py)
set_tests_properties(formal/sabotage_table PROPERTIES LABELS formal)
