# slash32_library(NAME DEPS...): a static library of every .cc in the current folder (not its subfolders), main.cc left
# out. slash32_program(NAME DEPS...): an executable of main.cc in the current folder.
function(slash32_library name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
  file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.h)
  if(sources)
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name} PUBLIC ${ARGN})
    target_sources(${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${CMAKE_SOURCE_DIR} FILES ${headers})
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE ${ARGN})
    target_sources(${name} INTERFACE FILE_SET HEADERS BASE_DIRS ${CMAKE_SOURCE_DIR} FILES ${headers})
  endif()
endfunction()

function(slash32_program name)
  add_executable(${name} ${CMAKE_CURRENT_SOURCE_DIR}/main.cc)
  target_link_libraries(${name} PRIVATE ${ARGN})
endfunction()

# slash32_heavy(FILES...): sources of the current folder whose templates (Boost's) the sanitisers' build takes minutes to
# optimise. They are shells around sockets: nothing that is tested there takes longer without.
function(slash32_heavy)
  set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS "$<$<CONFIG:Debug>:-O0>")
endfunction()

# slash32_small(TARGETS...): of the static programs. These run for a millisecond or two, and spend a good part of it
# faulting in their code: what counts is how many pages that has, not how fast it loops. (-Os for -O3: 1.9 MB for 3.0, 59
# page faults for 77, ADD and DEL 4 to 5 % sooner.)
function(slash32_small)
  foreach(target IN LISTS ARGN)
    target_compile_options(${target} PRIVATE "$<$<CONFIG:Release>:-Os;-ffunction-sections;-fdata-sections>")
  endforeach()
endfunction()

# slash32_static(TARGET): a program that is shipped fully static, and starts by common/start.
function(slash32_static target)
  if(SLASH32_STATIC)
    target_link_libraries(${target} PRIVATE slash32_start)
    target_link_options(${target} PRIVATE -static -Wl,--gc-sections)
  endif()
endfunction()
