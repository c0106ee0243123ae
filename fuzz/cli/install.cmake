# SPDX-License-Identifier: GPL-2.0 OR MIT
# What `cmake --install` puts where, and `cpack`. Included from the top, after everything else.
#   bin/mmodel, share/mmodel/{shim,findings}    the command and what it needs, found from the command's own place (spec/linux/host/data_dir.hpp)
#   include/mmodel, lib, lib/cmake/mmodel       find_package(mmodel): mmodel::model and mmodel::spec
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set_target_properties(mmodel_flags PROPERTIES EXPORT_NAME flags)
foreach(name model broken spec)
  set_target_properties(mmodel_${name} PROPERTIES EXPORT_NAME ${name})
  add_library(mmodel::${name} ALIAS mmodel_${name}) # as others link it, installed or by add_subdirectory()
endforeach()

if(MMODEL_CLI) # a build is laid out as what is installed
  set(data_dir ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/../share/mmodel)
  file(MAKE_DIRECTORY ${data_dir})
  file(CREATE_LINK ${mmodel_SOURCE_DIR}/spec/linux/shim ${data_dir}/shim SYMBOLIC)
  file(CREATE_LINK ${mmodel_SOURCE_DIR}/spec/linux/findings ${data_dir}/findings SYMBOLIC)
  file(CREATE_LINK ${mmodel_SOURCE_DIR}/corpus ${data_dir}/corpus SYMBOLIC) # not installed, as the next
  file(CREATE_LINK ${MMODEL_TREES_DIR} ${data_dir}/trees SYMBOLIC)
endif()

if(NOT PROJECT_IS_TOP_LEVEL)
  return()
endif()

target_include_directories(mmodel_flags INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/mmodel>)
install(TARGETS mmodel_flags mmodel_model mmodel_broken mmodel_spec EXPORT mmodel)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/mmodel)
install(EXPORT mmodel FILE mmodelConfig.cmake NAMESPACE mmodel:: DESTINATION ${package_dir})
write_basic_package_version_file(${mmodel_BINARY_DIR}/mmodelConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${mmodel_BINARY_DIR}/mmodelConfigVersion.cmake DESTINATION ${package_dir})
install(DIRECTORY model DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/mmodel FILES_MATCHING PATTERN *.hpp PATTERN *.inc)
install(DIRECTORY spec/judge spec/inductive spec/sabotage DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/mmodel/spec
  FILES_MATCHING PATTERN *.hpp PATTERN *.inc)

if(MMODEL_CLI)
  # Manual pages and completion: the text of --help.
  set(pages ${mmodel_BINARY_DIR}/share/man ${mmodel_BINARY_DIR}/share/bash-completion)
  add_custom_command(OUTPUT ${mmodel_BINARY_DIR}/share/pages.stamp
    COMMAND ${CMAKE_COMMAND} -E rm -rf ${pages}
    COMMAND mmodel help --pages ${mmodel_BINARY_DIR}/share
    COMMAND ${CMAKE_COMMAND} -E touch ${mmodel_BINARY_DIR}/share/pages.stamp
    DEPENDS mmodel COMMENT "Writing the manual pages" VERBATIM)
  add_custom_target(mmodel_pages ALL DEPENDS ${mmodel_BINARY_DIR}/share/pages.stamp)
  install(TARGETS mmodel RUNTIME)
  install(DIRECTORY ${mmodel_BINARY_DIR}/share/man/ DESTINATION ${CMAKE_INSTALL_MANDIR})
  install(DIRECTORY ${mmodel_BINARY_DIR}/share/bash-completion DESTINATION ${CMAKE_INSTALL_DATADIR})
  install(DIRECTORY spec/linux/shim spec/linux/findings DESTINATION ${CMAKE_INSTALL_BINDIR}/../share/mmodel)
endif()

# `cpack` in the build directory: a package for the distribution that it was built on.
file(WRITE ${mmodel_BINARY_DIR}/copyright [[
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: mmodel

Files: *
Copyright: the authors of mmodel
License: GPL-2.0-only or MIT
 Each file says so in its first lines: SPDX-License-Identifier: GPL-2.0 OR MIT.
 The text of the first is in /usr/share/common-licenses/GPL-2; that of the other at https://spdx.org/licenses/MIT.html
]])
install(FILES ${mmodel_BINARY_DIR}/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR})
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "the authors of mmodel <mmodel@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "model and bench for Linux's HugeTLB vmemmap optimization and percpu allocator")
set(CPACK_PACKAGE_DESCRIPTION "Compiles a kernel tree's own mm/hugetlb_vmemmap.c and mm/percpu.c, unchanged, and holds them in userspace \
to a specification that an executable model of both obeys, too. Nothing is booted.")
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "clang-19 | clang | gcc, libc6-dev, git") # it compiles a tree's files, and reads its commits
include(CPack)
