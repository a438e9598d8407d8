# How every file is compiled: standard, warnings, sanitizers, linker, and the check that refuses a compiler which gets
# coroutines wrong (g++ 12.2 destroys braced temporaries in co_await expressions twice).
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_INTERPROCEDURAL_OPTIMIZATION_RELEASE OFF)

option(MAESTRO_WERROR "Warnings are errors" OFF)
option(MAESTRO_FUZZ "Build the fuzz targets (clang only)" OFF)
set(MAESTRO_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them: address,undefined or thread")

add_library(maestro_compile_options INTERFACE)
target_compile_options(maestro_compile_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Werror=switch-enum -Werror=unused-result
  -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
if(MAESTRO_WERROR)
  target_compile_options(maestro_compile_options INTERFACE -Werror)
endif()
if(MAESTRO_SANITIZE)
  add_compile_options(-fsanitize=${MAESTRO_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${MAESTRO_SANITIZE})
endif()
if(MAESTRO_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

if(NOT MAESTRO_COROUTINES_CHECKED)
  try_run(MAESTRO_COROUTINES_RUN MAESTRO_COROUTINES_COMPILED
    ${CMAKE_BINARY_DIR}/coroutine_check ${CMAKE_SOURCE_DIR}/cmake/coroutine_check.cpp
    CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON)
  if(NOT MAESTRO_COROUTINES_COMPILED OR NOT MAESTRO_COROUTINES_RUN EQUAL 0)
    message(FATAL_ERROR "This compiler (${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}) destroys temporaries "
      "of co_await expressions twice, which corrupts memory. Configure with clang-19: cmake --preset dev does.")
  endif()
  set(MAESTRO_COROUTINES_CHECKED TRUE CACHE INTERNAL "")
endif()
