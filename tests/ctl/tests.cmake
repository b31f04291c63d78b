slash32_test(ctl_tests ctl slash32_ctl)
# The command line itself is run by a test.
target_compile_definitions(ctl_tests PRIVATE SLASH32CTL_PATH="$<TARGET_FILE:slash32ctl>")
add_dependencies(ctl_tests slash32ctl)
