slash32_test(node_tests common/node slash32_node)
