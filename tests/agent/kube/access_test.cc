// Where the API server is and who we are to it: kubeconfig files as kubectl writes them, and what a pod has.
#include "agent/kube/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "agent/kube/request.h"
#include "agent/kube/yaml.h"

namespace slash32::agent::kube {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string config(const std::string& cluster, const std::string& user) {
  return "apiVersion: v1\nkind: Config\ncurrent-context: admin@k8s\n"
         "contexts:\n- name: other\n  context: {cluster: x, user: y}\n"
         "- name: admin@k8s\n  context:\n    cluster: k8s\n    user: admin\n"
         "clusters:\n- cluster:\n    " +
         cluster + "\n  name: k8s\nusers:\n- name: admin\n  user:\n    " + user + "\npreferences: {}\n";
}
const std::string kServer = "server: https://10.0.0.1:6443";

std::string complaint(const std::string& text) {
  const auto got = parse_kubeconfig(text, "/etc/kubernetes");
  return got ? "" : got.error().message;
}

TEST(Kubeconfig, ReadsWhatKubeadmWrites) {
  const auto got = parse_kubeconfig(config("certificate-authority-data: Q0E=\n    " + kServer,
                                           "client-certificate-data: Q0VSVA==\n    client-key-data: S0VZ"),
                                    "/etc/kubernetes");
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(url_of(*got), "https://10.0.0.1:6443");
  EXPECT_EQ(got->ca.data, "CA");
  EXPECT_EQ(got->client_certificate.data, "CERT");
  EXPECT_EQ(got->client_key.data, "KEY");
  EXPECT_TRUE(got->token.empty());
  EXPECT_EQ(got->origin, "context admin@k8s");
}

TEST(Kubeconfig, RelativeFileNamesAreOfItsDirectory) {
  const auto got = parse_kubeconfig(
      config("certificate-authority: pki/ca.crt\n    " + kServer, "tokenFile: /var/run/token\n    token: old"),
      "/etc/kubernetes");
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->ca.file, "/etc/kubernetes/pki/ca.crt");
  EXPECT_EQ(got->token.file, "/var/run/token") << "which may be renewed, so it wins";
  EXPECT_TRUE(got->token.data.empty());
}

TEST(Kubeconfig, ATokenOfDigitsIsAText) {
  const auto got = parse_kubeconfig(config(kServer, "token: 0123"), "/");
  ASSERT_TRUE(got);
  EXPECT_EQ(got->token.data, "0123");
}

TEST(Kubeconfig, AnotherContextCanBeChosen) {
  const auto got = parse_kubeconfig(config(kServer, "token: a"), "/", "other");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().message, "/clusters: has no element named \"x\"");
}

TEST(Kubeconfig, RefusesPluginsByName) {
  EXPECT_EQ(
      complaint(config(kServer, "exec: {command: aws}")),
      "/users/0/user/exec: credential plugins are not supported; use a token, a token file or a client certificate");
  EXPECT_THAT(complaint(config(kServer, "auth-provider: {name: gcp}")), HasSubstr("/users/0/user/auth-provider: "));
  EXPECT_THAT(complaint(config(kServer, "username: a")), HasSubstr("basic authentication is not supported"));
  EXPECT_THAT(complaint(config(kServer, "as: b")), HasSubstr("impersonation is not supported"));
  EXPECT_THAT(complaint(config(kServer + "\n    proxy-url: http://p", "token: a")), HasSubstr("proxies"));
}

TEST(Kubeconfig, NamesThePlaceOfEveryMistake) {
  const struct {
    std::string text, complaint;
  } rows[] = {
      {"a: [", "not YAML: line 1, column "},
      {"[]", "/: must be an object"},
      {"{}", "/current-context: is missing"},
      {"current-context: a", "/contexts: is missing"},
      {config("server: http://10.0.0.1", "token: a"),
       "/clusters/0/cluster/server: \"http://10.0.0.1\" must begin with https://"},
      {config("server: https://h:0", "token: a"), "/clusters/0/cluster/server: \"0\" is not a port"},
      {config("server: https://h:99999", "token: a"), "/clusters/0/cluster/server: \"99999\" is not a port"},
      {config("server: 'https://'", "token: a"), "/clusters/0/cluster/server: the host is empty"},
      {config("server: 'https://a b'", "token: a"), "/clusters/0/cluster/server: \"a b\" is not a host name"},
      {config("certificate-authority-data: '*'\n    " + kServer, "token: a"),
       "/clusters/0/cluster/certificate-authority-data: is not base64 (RFC 4648 section 4) at offset 0"},
      {config("insecure-skip-tls-verify: true\n    certificate-authority: x\n    " + kServer, "token: a"),
       "/clusters/0/cluster/insecure-skip-tls-verify: must not be true beside"},
      {config(kServer, "client-key-data: S0VZ"), "/users/0/user: has one of client-certificate and client-key"},
  };
  for (const auto& row : rows) EXPECT_THAT(complaint(row.text), StartsWith(row.complaint)) << row.text;
}

TEST(Server, AnIpv6AddressStandsInBracketsInUrlsOnly) {
  Access access;
  ASSERT_TRUE(set_server(access, "https://[fd00::1]:6443/k8s/"));
  EXPECT_EQ(access.host, "fd00::1");
  EXPECT_EQ(access.port, 6443);
  EXPECT_EQ(access.base_path, "/k8s");
  EXPECT_EQ(url_of(access), "https://[fd00::1]:6443/k8s");
  ASSERT_TRUE(set_server(access, "https://[fd00::2]"));
  EXPECT_EQ(url_of(access), "https://[fd00::2]:443");
}

TEST(Server, APathCannotSmuggleAHeader) {
  Access access;
  EXPECT_FALSE(set_server(access, "https://h/a\r\nX: y"));
  EXPECT_FALSE(set_server(access, "https://h/a?b"));
}

TEST(InCluster, TakesThePodsVariablesAndItsServiceAccount) {
  const auto got = in_cluster_access("fd00:10:96::1", "443", "/sa");
  ASSERT_TRUE(got);
  EXPECT_EQ(url_of(*got), "https://[fd00:10:96::1]:443");
  EXPECT_EQ(got->token.file, "/sa/token");
  EXPECT_EQ(got->ca.file, "/sa/ca.crt");
}

TEST(InCluster, OutsideOfAPodItSaysWhatToGive) {
  const auto got = in_cluster_access("", "", "/sa");
  ASSERT_FALSE(got);
  EXPECT_THAT(got.error().message, HasSubstr("give --kubeconfig FILE"));
}

TEST(Base64, DecodesWhatRfc4648HasAsExamples) {  // section 10
  const struct {
    const char *text, *value;
  } rows[] = {{"", ""},        {"Zg==", "f"},          {"Zm8=", "fo"},
              {"Zm9v", "foo"}, {"Zm9vYmFy", "foobar"}, {"Zm9v\nYg==\n", "foob"}};
  for (const auto& row : rows) EXPECT_EQ(decode_base64(row.text).value_or("?"), row.value) << row.text;
  for (const char* text : {"Zg=", "Zg", "Z===", "Zg==Zg==", "Zm9-", "=Zg="}) EXPECT_FALSE(decode_base64(text)) << text;
}

TEST(Yaml, AliasesCannotMultiplyWithoutBound) {  // "billion laughs"
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) text += "*a" + std::to_string(i - 1) + ", ";
    text += "]\n";
  }
  const auto got = parse_yaml(text);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().message, "more than 100000 values");
}

TEST(Yaml, RefusesARepeatedKeyAndAKeyThatIsNoText) {
  EXPECT_THAT(parse_yaml("a: 1\na: 2\n").error().message, HasSubstr("\"a\" is there twice"));
  EXPECT_THAT(parse_yaml("[a]: 1\n").error().message, HasSubstr("a key must be a text"));
}

TEST(Yaml, TellsPlainWordsFromQuotedOnes) {
  const auto got = parse_yaml("{a: true, b: 'true', c: null, d: '', e: 12, f: }");
  ASSERT_TRUE(got);
  EXPECT_EQ(got->dump(), R"({"a":true,"b":"true","c":null,"d":"","e":"12","f":null})");
}

TEST(Yaml, SurvivesEveryTruncationOfAKubeconfig) {
  const auto text = config(kServer, "token: a");
  for (std::size_t size = 0; size < text.size(); ++size) (void)parse_kubeconfig(text.substr(0, size), "/");
}

TEST(Request, PathsNameGroupNamespaceAndSubresource) {
  EXPECT_EQ(collection_path({"", "v1", "secrets"}, "kube-system"), "/api/v1/namespaces/kube-system/secrets");
  EXPECT_EQ(object_path({"slash32.io", "v1alpha1", "bgpnodestatuses"}, "", "n 1", "status"),
            "/apis/slash32.io/v1alpha1/bgpnodestatuses/n%201/status");
  EXPECT_EQ(with_query("/x", {{"a", "1 &"}, {"b", ""}, {"c", "="}}), "/x?a=1%20%26&c=%3D");
}

TEST(Request, AMessageIsOneShortLine) {
  EXPECT_EQ(message_of(R"({"kind":"Status","message":"no\nway"})"), "no way");
  EXPECT_EQ(message_of("404 page not found\n"), "404 page not found");
  EXPECT_EQ(message_of(std::string(1000, 'x')).size(), 300 + std::string(" …").size());
}

}  // namespace
}  // namespace slash32::agent::kube
