# SPDX-License-Identifier: Apache-2.0
# How a room becomes a library. A room links only to what its line in userspace/CMakeLists.txt
# names, and headers are reached as "room/header.hpp", so an include against the arrows of the
# README does not compile (tests/check/layering greps the rest).

find_package(PkgConfig REQUIRED)

add_library(portlid_flags INTERFACE)
target_compile_options(portlid_flags INTERFACE
    -Wall -Wextra -Wconversion -Wshadow -Wno-missing-field-initializers
    -fstack-protector-strong -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC 12 sees overflows in std::string concatenation that are not there (GCC bug 105651), and
    # without the last one ccache refuses whatever uses the common header.
    target_compile_options(portlid_flags INTERFACE
        -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread
        $<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>)
else()
    target_compile_options(portlid_flags INTERFACE -Wno-c++11-narrowing)
    find_program(PORTLID_LLD ld.lld)
    if(PORTLID_LLD) # a fifth of the time of GNU ld
        target_link_options(portlid_flags INTERFACE -fuse-ld=lld)
    endif()
endif()
if(PORTLID_WERROR)
    target_compile_options(portlid_flags INTERFACE -Werror)
endif()
if(PORTLID_FUZZ) # scripts/fuzz: clang; every room is watched by libFuzzer and the sanitizers
    target_compile_options(portlid_flags INTERFACE
        -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
        -fno-omit-frame-pointer)
    target_link_options(portlid_flags INTERFACE -fsanitize=address,undefined)
elseif(CMAKE_BUILD_TYPE STREQUAL "Debug") # debug always means sanitizers
    target_compile_options(portlid_flags INTERFACE
        -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
    target_compile_definitions(portlid_flags INTERFACE _GLIBCXX_ASSERTIONS)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
        target_compile_options(portlid_flags INTERFACE
            -fsanitize-ignorelist=${CMAKE_SOURCE_DIR}/cmake/system_headers.txt)
    endif()
    target_link_options(portlid_flags INTERFACE -fsanitize=address,undefined)
else()
    target_compile_options(portlid_flags INTERFACE -D_FORTIFY_SOURCE=2)
    target_link_options(portlid_flags INTERFACE -Wl,-z,relro,-z,now)
endif()
target_include_directories(portlid_flags INTERFACE
    ${CMAKE_SOURCE_DIR}/userspace ${CMAKE_SOURCE_DIR}/bpf)

# What nearly every file includes, compiled once: halves the build. Flags must be equal everywhere,
# so what only one room needs (spdlog's macros, the version) goes on its own sources.
function(portlid_common_headers)
    file(WRITE ${CMAKE_BINARY_DIR}/common.cpp "")
    add_library(portlid_common STATIC ${CMAKE_BINARY_DIR}/common.cpp)
    target_link_libraries(portlid_common PUBLIC portlid_flags fmt::fmt)
    target_precompile_headers(portlid_common PRIVATE ${portlid_common_list})
endfunction()
set(portlid_common_list
    <algorithm> <array> <atomic> <chrono> <condition_variable> <deque> <filesystem> <fmt/format.h>
    <fstream> <functional> <map> <memory> <mutex> <nlohmann/json.hpp> <optional> <set> <span> <sstream>
    <string> <string_view> <thread> <tl/expected.hpp> <tuple> <unordered_map> <variant> <vector>)

# The same for tests, with what all of them include besides.
function(portlid_test_headers)
    file(WRITE ${CMAKE_BINARY_DIR}/common_tests.cpp "")
    add_library(portlid_common_tests STATIC ${CMAKE_BINARY_DIR}/common_tests.cpp)
    target_link_libraries(portlid_common_tests PUBLIC portlid_flags fmt::fmt GTest::gmock)
    target_precompile_headers(portlid_common_tests PRIVATE
        ${portlid_common_list} <gmock/gmock.h> <gtest/gtest.h>)
endfunction()

# Two dozen files at a time are compiled as one: headers and templates are most of the work. What a file
# keeps in an anonymous namespace therefore needs a name that is its own within the target.
function(portlid_together target)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 24)
endfunction()

# portlid_room(NAME [ONE_BY_ONE] [ROOMS room...] [LIBS lib...] [PKG module...] [APART file...])
# Files whose names collide are compiled APART, or the whole room ONE_BY_ONE.
function(portlid_room name)
    cmake_parse_arguments(ROOM "ONE_BY_ONE" "" "ROOMS;LIBS;PKG;APART" ${ARGN})
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cpp)
    list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
    if(NOT sources)
        return()
    endif()
    add_library(portlid_${name} STATIC ${sources})
    target_link_libraries(portlid_${name} PUBLIC portlid_flags ${ROOM_LIBS})
    target_precompile_headers(portlid_${name} REUSE_FROM portlid_common)
    if(NOT ROOM_ONE_BY_ONE AND NOT PORTLID_FUZZ)
        portlid_together(portlid_${name})
        list(TRANSFORM ROOM_APART PREPEND ${name}/)
        set_source_files_properties(${ROOM_APART} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    endif()
    foreach(room ${ROOM_ROOMS})
        if(TARGET portlid_${room})
            target_link_libraries(portlid_${name} PUBLIC portlid_${room})
        endif()
    endforeach()
    foreach(module ${ROOM_PKG})
        string(REGEX REPLACE "[^a-z0-9]" "_" id ${module})
        pkg_check_modules(PC_${id} REQUIRED IMPORTED_TARGET GLOBAL ${module})
        target_link_libraries(portlid_${name} PUBLIC PkgConfig::PC_${id})
    endforeach()
endfunction()

# portlid_test(LABEL DIR ROOMS room... [SOURCES file...]): one GoogleTest program of all *.cpp in
# DIR, run under LABEL. The target LABEL_tests builds all of a label.
function(portlid_test label dir)
    cmake_parse_arguments(TEST "" "" "ROOMS;LIBS;SOURCES" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${dir}/*.cpp)
    if(NOT sources)
        return()
    endif()
    get_filename_component(room ${dir} NAME)
    set(target ${label}_${room})
    add_executable(${target} ${sources} ${TEST_SOURCES})
    target_precompile_headers(${target} REUSE_FROM portlid_common_tests)
    portlid_together(${target})
    if(NOT TARGET ${label}_tests)
        add_custom_target(${label}_tests)
    endif()
    add_dependencies(${label}_tests ${target})
    foreach(room ${TEST_ROOMS})
        if(TARGET portlid_${room})
            target_link_libraries(${target} PRIVATE portlid_${room})
        endif()
    endforeach()
    target_link_libraries(${target} PRIVATE portlid_flags ${TEST_LIBS} GTest::gmock GTest::gtest_main)
    target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
    target_compile_definitions(${target} PRIVATE
        PORTLID_SOURCE_DIR="${CMAKE_SOURCE_DIR}" PORTLID_BINARY="${CMAKE_BINARY_DIR}/portlid")
    add_test(NAME ${target} COMMAND ${target} --gtest_brief=1)
    set_tests_properties(${target} PROPERTIES LABELS ${label} TIMEOUT 900)
endfunction()
