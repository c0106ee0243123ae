# SPDX-License-Identifier: GPL-2.0 OR MIT
# The formal layers that are not C++: Spin over spec/promela/hardware and spec/promela/link, Dafny and Z3 over spec/proof; and libz3 over the C++ itself in
# spec/symbolic. Label formal; what takes long is under
# long. A tool that is not installed is a skip, or a failure where CI is set. All work is done below the build directory.
function(mmodel_formal_test name label)
  add_test(NAME ${label}/${name} COMMAND ${ARGN} --dir ${mmodel_BINARY_DIR}/formal/${name} --jobs 1 --skip-code 77)
  set_tests_properties(${label}/${name} PROPERTIES LABELS ${label} SKIP_RETURN_CODE 77 TIMEOUT 1800)
endfunction()

set(spin_py ${mmodel_SOURCE_DIR}/spec/promela/hardware/run.py)
set(prove_py ${mmodel_SOURCE_DIR}/spec/proof/prove.py)
mmodel_formal_test(hardware_hvo formal ${spin_py} --model hvo.pml)
mmodel_formal_test(hardware_percpu formal ${spin_py} --model percpu.pml)
mmodel_formal_test(proof_hvo formal ${prove_py} --file hvo.dfy)
mmodel_formal_test(proof_percpu formal ${prove_py} --file percpu.dfy)
mmodel_formal_test(proof_counts formal ${prove_py} --file counts.smt2)
mmodel_formal_test(proof_mutants_quick formal ${prove_py} --mutants --quick)
mmodel_formal_test(hardware_long long ${spin_py} --long)
mmodel_formal_test(proof_mutants long ${prove_py} --mutants)
# Same source: the model's own steps and arithmetic over libz3.
function(mmodel_symbolic_proof name label)
  add_test(NAME ${label}/symbolic_${name} COMMAND ${mmodel_SOURCE_DIR}/spec/symbolic/prove.py ${mmodel_BINARY_DIR}/bin/mmodel_prove ${ARGN})
  set_tests_properties(${label}/symbolic_${name} PROPERTIES LABELS ${label} SKIP_RETURN_CODE 77 TIMEOUT 3600)
endfunction()
mmodel_symbolic_proof(hvo formal --theorem hvo_two_init --theorem hvo_two_inhabited --theorem hvo_two_step --theorem hvo_gigantic_init
  --theorem hvo_gigantic_inhabited --theorem hvo_gigantic_step --theorem hvo_larger)
mmodel_symbolic_proof(hvo_list formal --theorem hvo_two_list)
mmodel_symbolic_proof(percpu formal --theorem percpu_small_init --theorem percpu_small_inhabited --theorem percpu_small_step
  --theorem percpu_larger)
mmodel_symbolic_proof(arithmetic formal --theorem arithmetic)
mmodel_symbolic_proof(sabotages formal --sabotages)
mmodel_symbolic_proof(gigantic_list long --theorem hvo_gigantic_list)
mmodel_symbolic_proof(three long --theorem hvo_three)
if(NOT TARGET mmodel_symbolic)
  mmodel_symbolic_proof(machines formal) # for what props/spec/symbolic would run
endif()
mmodel_symbolic_proof(percpu_others long --theorem percpu_small_others)
set(link_py ${mmodel_SOURCE_DIR}/spec/promela/link/run.py --explorer ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/mmodel_link)
set(swarm_py ${mmodel_SOURCE_DIR}/spec/promela/link/swarm.py --lib ${mmodel_BINARY_DIR})
mmodel_formal_test(link_hvo formal ${link_py} --model hvo.pml)
mmodel_formal_test(link_percpu formal ${link_py} --model percpu.pml)
mmodel_formal_test(link_drive formal ${swarm_py} --space link-hvo --exact)
mmodel_formal_test(link_sabotages long ${link_py} --long)
mmodel_formal_test(link_swarm long ${swarm_py} --space hvo-three-tlbs --seconds 60)
mmodel_formal_test(link_swarm_finds long ${swarm_py} --space link-hvo-walker --seconds 20 --sabotage no_rcu --finds)
add_test(NAME formal/sabotage_table COMMAND ${mmodel_SOURCE_DIR}/spec/sabotage/sabotage.py)
set_tests_properties(formal/sabotage_table PROPERTIES LABELS formal)
