#include "common/cni/skel.h"

#include <exception>
#include <utility>

#include "common/cni/error.h"

namespace slash32::cni {
namespace {

constexpr std::size_t kMaxConfig = std::size_t{1} << 20;  // a configuration and a prevResult; Kubernetes' are a few KiB

/// What is wrong so far. The first fault gives the code, all of them the message.
struct Faults {
  std::vector<Error> all;
  void add(int code, std::string message) { all.push_back(Error{code, std::move(message), {}}); }
  Error joined() const {
    Error out = all.front();
    for (std::size_t i = 1; i < all.size(); ++i) out.message += "; " + all[i].message;
    return out;
  }
};

/// Errors are printed with the configuration's version where we speak it, else with our newest.
struct Failure {
  Error error;
  Version version = kNewestVersion;
};

std::chrono::milliseconds budget_of(Command command, const Budgets& budgets) {
  switch (command) {
    case Command::Add:
      return budgets.add;
    case Command::Del:
      return budgets.del;
    case Command::Check:
      return budgets.check;
    case Command::Gc:
      return budgets.gc;
    case Command::Status:
    case Command::Version:
      break;
  }
  return budgets.status;
}

bool cleans_up(Command command) { return command == Command::Del || command == Command::Gc; }

/// Nothing must hold up DEL and GC: repeated keys are taken as any parser takes them. Where GC is told what is in use
/// there is no guessing: the list that did not count may hold a live pod.
Status parse_config(Call& call) {
  if (!cleans_up(call.args.command)) {
    call.config = TRY(parse_json(call.config_text));
    return ok();
  }
  auto document = TRY(parse_json_leniently(call.config_text));
  if (call.args.command == Command::Gc)
    for (const auto& repeated : document.repeated)
      if (repeated.starts_with("/cni.dev~1")) return fail(kDecodingFailure, repeated);
  call.config = std::move(document.value);
  call.ignored = std::move(document.repeated);
  return ok();
}

/// CNI section 1: a configuration has a name.
void check_name(Call& call, Faults& faults) {
  const JsonField root = call.root();
  if (!root.has("name"))
    return faults.add(kInvalidConfig, root.missing_error("name").message + " (the network's name)");
  const auto field = root.child("name");
  if (!field.value().is_string() || !is_valid_name(field.value().get_ref<const std::string&>()))
    return faults.add(kInvalidConfig, field
                                          .bad_error("must be a string that begins with a letter or digit and holds "
                                                     "only letters, digits, '_', '.' and '-'")
                                          .message);
  call.network = field.value().get<std::string>();
}

/// CNI section 1: without a cniVersion a configuration is 0.1.0's. DEL and GC go on: today's file may have lost it. DEL
/// goes on with one that nobody has as well: ADD with that file says so, and the pods made before must be able to go.
/// What GC is told is in use depends on the version.
void check_version(Call& call, Faults& faults) {
  std::string known;
  for (const auto v : kSupportedVersions) known += (known.empty() ? "" : ", ") + std::string(to_string(v));
  const JsonField root = call.root();
  if (!root.has("cniVersion")) {
    const auto complaint = root.missing_error("cniVersion").message;
    if (cleans_up(call.args.command)) return call.ignored.push_back(complaint);
    return faults.add(kIncompatibleVersion, complaint + ", which means 0.1.0; supported: " + known);
  }
  const auto& value = root.child("cniVersion").value();
  const auto version = value.is_string() ? parse_version(value.get_ref<const std::string&>()) : std::nullopt;
  if (version && is_supported(*version)) {
    call.version = *version;
    return;
  }
  const auto complaint = "/cniVersion: " + value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) +
                         (value.is_string() ? " is not supported" : " must be a string") + "; supported: " + known;
  if (call.args.command == Command::Del) return call.ignored.push_back(complaint);
  faults.add(kIncompatibleVersion, complaint);
}

void check_config(Call& call, Faults& faults) {
  if (!call.config.is_object()) return faults.add(kDecodingFailure, "/: the configuration must be a JSON object");
  check_name(call, faults);
  check_version(call, faults);
}

/// Verbs that the configuration's version does not have.
void check_verb(const Call& call, Faults& faults) {
  const Version since = call.args.command == Command::Check                                        ? kCheckSince
                        : call.args.command == Command::Status || call.args.command == Command::Gc ? kStatusSince
                                                                                                   : call.version;
  if (call.version < since)
    faults.add(kIncompatibleVersion, "/cniVersion: " + std::string(to_string(call.args.command)) + " exists since " +
                                         std::string(to_string(since)) + ", the configuration is " +
                                         std::string(to_string(call.version)));
}

/// The namespace to configure must not be the one we run in: everything here would be done to the node itself. DEL
/// goes by the key alone: its path may by now, the process ID being somebody else's, lead to any namespace.
Status check_netns(const Call& call, const Env& env) {
  if (call.args.command == Command::Del || call.args.netns.empty() || !env.is_own_netns(call.args.netns)) return ok();
  const auto override = env.getenv("CNI_NETNS_OVERRIDE").value_or("");
  if (override == "1" || override == "TRUE" || override == "true" || override == "True") return ok();
  return fail(kInvalidNetns, "CNI_NETNS " + call.args.netns + " is the network namespace of the plugin itself");
}

/// STATUS tells one thing by its code: whether ADD could work. With this configuration it cannot.
Failure for_status(Failure failure) {
  if (failure.error.code == kDecodingFailure || failure.error.code == kInvalidConfig)
    failure.error.code = kNotAvailable;
  return failure;
}

/// Everything the specification lets us check before the verb runs.
Result<Call, Failure> prepare(const Program& program, Command command, const Env& env) {
  CheckedArgs checked = read_args(command, env, program.known_cni_args);
  Call call{.args = std::move(checked.args),
            .network = {},
            .config = {},
            .config_text = {},
            .ignored = {},
            .valid = {},
            .deadline = Deadline::in(budget_of(command, program.budgets))};
  Faults faults;
  for (auto& fault : checked.faults) faults.add(kInvalidEnvironment, std::move(fault));
  auto text = env.read_stdin(kMaxConfig, call.deadline);
  if (!text) {
    faults.all.push_back(std::move(text).error());
    return std::unexpected(Failure{faults.joined(), kNewestVersion});
  }
  call.config_text = std::move(*text);
  if (const auto parsed = parse_config(call); !parsed) {
    faults.add(parsed.error().code, "configuration on standard input: " + parsed.error().message);
    return std::unexpected(Failure{faults.joined(), kNewestVersion});
  }
  check_config(call, faults);
  if (faults.all.empty()) check_verb(call, faults);
  if (faults.all.empty() && command == Command::Gc) {
    auto valid = valid_attachments(call.root());
    if (!valid)
      faults.all.push_back(std::move(valid).error());
    else if (*valid)
      call.valid = std::move(**valid);
    else
      call.valid_is_given = false;
  }
  if (!faults.all.empty()) return std::unexpected(Failure{faults.joined(), call.version});
  if (auto good = check_netns(call, env); !good) return std::unexpected(Failure{good.error(), call.version});
  return call;
}

/// Text from outside (a container ID, a path) may not be UTF-8; the document must get out all the same.
std::string line_of(const nlohmann::json& document) {
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

Status run_verb(const Call& call, const Handlers& handlers) {
  const auto& handler = call.args.command == Command::Del     ? handlers.del
                        : call.args.command == Command::Check ? handlers.check
                        : call.args.command == Command::Gc    ? handlers.gc
                                                              : handlers.status;
  if (!handler)
    return fail(kInvalidEnvironment,
                "CNI_COMMAND " + std::string(to_string(call.args.command)) + " is not implemented");
  return handler(call);
}

/// An ADD that the runtime never hears of has not happened.
Status run_add(const Call& call, const Env& env, const Handlers& handlers) {
  const AddResult result = TRY(handlers.add(call));
  auto printed = env.write_stdout(line_of(to_json(result, call.version)));
  if (printed) return ok();
  if (handlers.del) {
    if (const auto undone = handlers.del(call); !undone)
      printed.error().message += "; and undoing the ADD failed: " + undone.error().message;
  }
  return fail(in("print the result", std::move(printed).error()));
}

int report(const Failure& failure, const Env& env) {
  const auto text = line_of(to_json(failure.error, failure.version));
  // libcni reads errors from stdout alone; where that is gone, stderr is the last chance.
  if (!env.write_stdout(text)) env.write_stderr(text);
  return 1;
}

/// CNI section 4 "VERSION": the input's cniVersion comes back, where it is one; the input is not needed otherwise.
int print_version(const Program& program, const Env& env) {
  Version version = kNewestVersion;
  if (const auto text = env.read_stdin(kMaxConfig, Deadline::in(program.budgets.status))) {
    const auto config = parse_json(*text);
    if (config && config->is_object() && config->contains("cniVersion") && config->at("cniVersion").is_string()) {
      const auto asked = parse_version(config->at("cniVersion").get_ref<const std::string&>());
      if (asked && is_supported(*asked)) version = *asked;
    }
  }
  nlohmann::json out = {{"cniVersion", to_string(version)}, {"supportedVersions", nlohmann::json::array()}};
  for (const auto v : kSupportedVersions) out["supportedVersions"].push_back(to_string(v));
  return env.write_stdout(line_of(out)) ? 0 : 1;
}

int print_about(const Program& program, const Env& env) {
  std::string text = program.about + "\nCNI protocol versions supported:";
  for (const auto v : kSupportedVersions) text += " " + std::string(to_string(v));
  env.write_stderr(text + "\n");
  return 0;
}

int run_command(const Program& program, const Env& env, const Handlers& handlers) {
  const auto name = env.getenv("CNI_COMMAND");
  if (!name || name->empty()) return print_about(program, env);
  const auto command = parse_command(*name);
  if (!command)
    return report({Error{kInvalidEnvironment,
                         "CNI_COMMAND \"" + *name + "\" is not one of ADD, DEL, CHECK, STATUS, GC, VERSION",
                         {}}},
                  env);
  if (*command == Command::Version) return print_version(program, env);
  const auto call = prepare(program, *command, env);
  if (!call) return report(*command == Command::Status ? for_status(call.error()) : call.error(), env);
  if (!call->valid_is_given) {
    env.write_stderr(
        "warning: GC: \"cni.dev/valid-attachments\" is missing, so nobody said what is in use; nothing was "
        "released\n");
    return 0;
  }
  const auto done = *command == Command::Add ? run_add(*call, env, handlers) : run_verb(*call, handlers);
  if (!done) return report({done.error(), call->version}, env);
  return 0;
}

}  // namespace

std::vector<std::string_view> usual_cni_args() {
  return {"IP", "MAC", "K8S_POD_NAMESPACE", "K8S_POD_NAME", "K8S_POD_INFRA_CONTAINER_ID", "K8S_POD_UID"};
}

int run(const Program& program, const Env& env, const Handlers& handlers) {
  // Ours are std::expected; what a library throws (out of memory, JSON) must still reach the runtime as an error.
  try {
    return run_command(program, env, handlers);
  } catch (const std::exception& e) {
    return report({Error{kInternal, std::string("internal error: ") + e.what(), {}}}, env);
  }
}

}  // namespace slash32::cni
