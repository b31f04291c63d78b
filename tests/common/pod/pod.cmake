slash32_test(pod_tests common/pod slash32_pod)
