# SPDX-License-Identifier: GPL-2.0 OR MIT
# cmake -D headers=LIST -D from=DIR -D to=DIR -D patch=PROGRAM -P edit.cmake
# Copies the headers, applies model.patch to the copies, and puts all that they declare into an inline namespace `edited`, so that no symbol
# of the broken model is one of the model's.
file(REMOVE_RECURSE ${to})
foreach(header IN LISTS headers)
  get_filename_component(dir ${to}/${header} DIRECTORY)
  file(COPY ${from}/${header} DESTINATION ${dir})
endforeach()

execute_process(COMMAND ${patch} --strip=1 --fuzz=0 --batch --forward --no-backup-if-mismatch --directory=${to}
  INPUT_FILE ${CMAKE_CURRENT_LIST_DIR}/model.patch RESULT_VARIABLE failed OUTPUT_VARIABLE said ERROR_VARIABLE said)
if(failed)
  file(GLOB_RECURSE rejected ${to}/*.rej)
  foreach(file IN LISTS rejected)
    file(READ ${file} hunks)
    string(APPEND said "${hunks}")
  endforeach()
  message(NOTICE "${said}")
  message(FATAL_ERROR "model/ has changed where a break is edited in: spec/sabotage/model.patch no longer applies, "
    "the hunks above were refused. spec/sabotage/README.md says how to bring it up to date.")
endif()

foreach(header IN LISTS headers)
  file(READ ${to}/${header} text)
  string(REGEX REPLACE "\nnamespace (mmodel[a-z:]*) {" "\nnamespace \\1::inline edited {" edited "${text}")
  if(edited STREQUAL text)
    message(FATAL_ERROR "${header}: no namespace was found")
  endif()
  file(WRITE ${to}/${header} "${edited}")
endforeach()
