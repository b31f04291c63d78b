"""Messages that are wrong as a whole, or come at the wrong time, and what each must lead to. UPDATEs: malformed.py.

Each is sent in a phase of the session: `OPENING` in place of our OPEN, `CONFIRMING` behind it, `LIVE` when the session is
up and has carried a route of each family.

End     the NOTIFICATION with this code, subcode (or one of several) and data (None: the RFC leaves it open), then the end
SILENT  the connection ends without a NOTIFICATION: one is never answered by another (RFC 4271 section 6.4)
UP      the session comes up, or stays up and keeps its routes
"""

import struct
from dataclasses import dataclass
from typing import Callable

from bgp import wire
from bgp.wire import capability

OPENING, CONFIRMING, LIVE = "opening", "confirming", "live"
UP, SILENT = "up", "silent"
OUR_ID = "10.9.0.1"  # the speaker's


@dataclass(frozen=True)
class End:
    """The session ends so."""
    code: int
    subcodes: object
    data: bytes = None


@dataclass(frozen=True)
class Case:
    """One message. `build` makes it from the peer's AS number and identifier; `internal`: the outcome on iBGP."""
    name: str
    clause: str
    phase: str
    build: Callable
    external: object
    internal: object = None

    def expected(self, is_internal):
        """The outcome for that type of peer."""
        return self.internal if is_internal and self.internal is not None else self.external


def usual(asn):
    """Capabilities that nobody refuses."""
    return [wire.multiprotocol(wire.IPV4), wire.multiprotocol(wire.IPV6), wire.as4(asn)]


def opened(**changes):
    """An OPEN that is right but for these fields; `asn` and others may be functions of the peer's AS number."""
    def build(asn, router_id):
        arguments = {"asn": asn, "router_id": router_id, "parameters": wire.capabilities(*usual(asn))}
        arguments.update((key, value(asn) if callable(value) else value) for key, value in changes.items())
        return wire.message(wire.OPEN, wire.open_body(**arguments))
    return build


def says(*capabilities, last=False):
    """An OPEN with further capabilities, before the usual ones or behind them."""
    def parameters(asn):
        return wire.capabilities(*(usual(asn) + list(capabilities) if last else list(capabilities) + usual(asn)))
    return opened(parameters=parameters)


def raw(*messages):
    """The same bytes whoever sends them."""
    return lambda asn, router_id: b"".join(messages)


def extended(*parameters, length=None, total=255):
    """An OPEN with RFC 9072's extended parameters, each (type, value); `length` in place of the true one."""
    def build(asn, router_id):
        body = b"".join(struct.pack("!BH", kind, len(value)) + value for kind, value in
                        ((kind, value(asn) if callable(value) else value) for kind, value in parameters))
        text = b"\xff" + struct.pack("!H", len(body) if length is None else length) + body
        return wire.message(wire.OPEN, wire.open_body(asn, router_id, parameters=text, length=total))
    return build


def cut(text):
    """An OPEN whose extended parameters are these octets."""
    return opened(parameters=text, length=255)


def all_usual(asn):
    """The usual capabilities in one piece."""
    return b"".join(usual(asn))


def malformed_capability(name, clause, code, value):
    """A capability we know, of a wrong length: 2/0 with the capability (RFC 4271 section 6.2, RFC 5492 section 5)."""
    return Case(f"capability_{name}", clause, OPENING, says(capability(code, value)), End(2, 0, capability(code, value)))


def header_cases():
    """RFC 4271 section 6.1, before the OPEN and in Established."""
    rows = [
        ("marker_zero", wire.message(wire.KEEPALIVE, marker=bytes(16)), 1, b""),
        ("marker_first_bit", wire.message(wire.KEEPALIVE, marker=b"\x7f" + b"\xff" * 15), 1, b""),
        ("marker_last_bit", wire.message(wire.KEEPALIVE, marker=b"\xff" * 15 + b"\xfe"), 1, b""),
        *((f"length_{size}", wire.message(wire.UPDATE, length=size), 2, struct.pack("!H", size))
          for size in (0, 1, 18, 4097, 65535)),
        ("open_28", wire.message(wire.OPEN, bytes(9)), 2, b"\0\x1c"),
        *((f"update_{19 + size}", wire.message(wire.UPDATE, bytes(size)), 2, bytes([0, 19 + size])) for size in (0, 3)),
        *((f"notification_{19 + size}", wire.message(wire.NOTIFICATION, bytes(size)), 2, bytes([0, 19 + size]))
          for size in (0, 1)),
        *((f"keepalive_{19 + size}", wire.message(wire.KEEPALIVE, bytes(size)), 2, struct.pack("!H", 19 + size))
          for size in (1, 4077)),
        *((f"refresh_{19 + size}", wire.message(wire.ROUTE_REFRESH, bytes(size)), 2, bytes([0, 19 + size]))
          for size in (0, 3)),
        *((f"type_{kind}", wire.message(kind, b"\0" * 4), 3, bytes([kind])) for kind in (0, 6, 7, 128, 255)),
    ]
    return [Case(f"header_{name}_{phase}", "RFC 4271 6.1", phase, raw(message), End(1, subcode, data))
            for name, message, subcode, data in rows for phase in (OPENING, LIVE)]


OPENS = [
    *(Case(f"version_{v}", "RFC 4271 6.2", OPENING, opened(version=v), End(2, 1, b"\0\4")) for v in (0, 3, 5, 255)),
    *(Case(f"hold_time_{t}", "RFC 4271 6.2", OPENING, opened(hold=t), End(2, 6)) for t in (1, 2)),
    *(Case(f"hold_time_{t}", "RFC 4271 4.2", OPENING, opened(hold=t), UP) for t in (0, 3, 65535)),
    Case("as_of_somebody_else", "RFC 4271 6.2", OPENING,
         opened(asn=65099, parameters=wire.capabilities(wire.as4(65099))), End(2, 2)),
    Case("as_0", "RFC 7607 2", OPENING, opened(asn=0, parameters=b""), End(2, 2)),
    Case("as_0_in_the_capability", "RFC 7607 2", OPENING,
         opened(parameters=wire.capabilities(wire.as4(0))), End(2, 2)),
    Case("as_trans_and_no_capability", "RFC 6793 9", OPENING, opened(asn=wire.AS_TRANS, parameters=b""), End(2, 2)),
    Case("as_trans_in_the_capability", "RFC 6793 9", OPENING,
         opened(parameters=wire.capabilities(wire.as4(wire.AS_TRANS))), End(2, 2)),
    Case("as_trans_and_the_true_one", "RFC 6793 4.1", OPENING, opened(asn=wire.AS_TRANS), UP),
    Case("as_in_the_capability_is_another", "RFC 6793 4.1", OPENING,
         opened(parameters=wire.capabilities(wire.as4(70000))), End(2, 2)),
    Case("identifier_0", "RFC 6286 2.2", OPENING,
         lambda asn, _: opened()(asn, "0.0.0.0"), End(2, 3)),
    Case("identifier_is_ours", "RFC 6286 2.2", OPENING, lambda asn, _: opened()(asn, OUR_ID), UP, End(2, 3)),
    Case("identifier_multicast", "RFC 6286 2.1", OPENING, lambda asn, _: opened()(asn, "224.0.0.9"), UP),
    *(Case(f"parameter_type_{kind}", "RFC 4271 6.2", OPENING,
           opened(parameters=lambda asn, kind=kind: wire.parameter(kind, b"\0") + wire.capabilities(*usual(asn))),
           End(2, 4)) for kind in (0, 1, 3, 254)),
    Case("parameter_type_255_behind_another", "RFC 9072 2", OPENING,
         opened(parameters=lambda asn: wire.capabilities(*usual(asn)) + wire.parameter(255, b"\0\0")), End(2, 4)),
    Case("parameter_overruns", "RFC 4271 6.2", OPENING, opened(parameters=wire.parameter(2, b"", length=200)), End(2, 0)),
    Case("parameter_of_one_octet", "CVE-2022-43681", OPENING, opened(parameters=b"\2"), End(2, 0)),
    Case("parameter_empty", "RFC 5492 4", OPENING,
         opened(parameters=lambda asn: wire.parameter(2, b"") + wire.capabilities(*usual(asn))), UP),
    *(Case(f"parameters_length_off_by_{off}", "RFC 4271 6.2", OPENING,
           lambda asn, router_id, off=off: opened(length=len(wire.capabilities(*usual(asn))) + off)(asn, router_id),
           End(2, 0)) for off in (-1, 1, 100)),
    Case("parameters_length_and_nothing_there", "RFC 4271 6.2", OPENING, opened(parameters=b"", length=1), End(2, 0)),
    Case("no_capabilities", "RFC 5492 3", OPENING, opened(parameters=b""), UP),
    Case("octets_behind_the_parameters", "RFC 4271 4.2", OPENING, opened(parameters=b"\0\0\0", length=0), End(2, 0)),
]

CAPABILITIES = [
    malformed_capability("multiprotocol_empty", "RFC 4760 8", 1, b""),
    malformed_capability("multiprotocol_three_octets", "RFC 4760 8", 1, b"\0\1\0"),
    malformed_capability("multiprotocol_five_octets", "RFC 4760 8", 1, b"\0\1\0\1\0"),
    malformed_capability("route_refresh_one_octet", "RFC 2918 2", 2, b"\0"),
    malformed_capability("role_empty", "RFC 9234 4.1", 9, b""),
    malformed_capability("role_two_octets", "RFC 9234 4.1", 9, b"\0\0"),
    malformed_capability("graceful_restart_empty", "RFC 4724 3", 64, b""),
    malformed_capability("graceful_restart_one_octet", "RFC 4724 3", 64, b"\0"),
    malformed_capability("graceful_restart_half_a_family", "RFC 4724 3", 64, b"\0\x78\0\1"),
    malformed_capability("four_octet_as_empty", "GHSA-gjrg-jjr3-56cm", 65, b""),
    malformed_capability("four_octet_as_three_octets", "RFC 6793 3", 65, b"\0\0\xfd"),
    malformed_capability("four_octet_as_five_octets", "RFC 6793 3", 65, b"\0\0\xfd\xe9\0"),
    malformed_capability("add_path_half_a_family", "RFC 7911 4", 69, b"\0\1\1"),
    malformed_capability("add_path_five_octets", "RFC 7911 4", 69, b"\0\1\1\3\0"),
    Case("capability_overruns_its_parameter", "RFC 5492 4", OPENING,
         opened(parameters=wire.parameter(2, capability(65, bytes(4), length=5))), End(2, 0)),
    Case("capability_overruns_into_another_parameter", "CVE-2022-36440", OPENING,
         opened(parameters=lambda asn: wire.parameter(2, b"\x41\4\0\0") + wire.capabilities(*usual(asn))), End(2, 0)),
    Case("capability_of_one_octet", "RFC 5492 4", OPENING, opened(parameters=wire.parameter(2, b"\x41")), End(2, 0)),
    Case("capability_add_path_of_a_strange_direction", "RFC 7911 4", OPENING,
         says(capability(69, b"\0\1\1\4\0\2\1\0")), UP),
    Case("capability_add_path_empty", "RFC 7911 4", OPENING, says(capability(69)), UP),
    Case("capability_role_unknown", "RFC 9234 4.2", OPENING, says(capability(9, b"\x63")), UP),
    Case("capability_graceful_restart_of_unknown_families", "RFC 4724 3", OPENING,
         says(capability(64, b"\xff\xff" + b"\x40\4\x47\x80" * 20)), UP),
    Case("capability_graceful_restart_twice", "RFC 4724 3", OPENING,
         says(capability(64, b"\0\x78"), capability(64, b"\x80\0")), UP),
    Case("capability_multiprotocol_of_every_safi", "RFC 4760 8", OPENING,
         says(*(capability(1, struct.pack("!HBB", 2, 0, safi)) for safi in range(2, 40))), UP),
    Case("capability_multiprotocol_reserved_octet", "RFC 4760 8", OPENING, says(capability(1, b"\0\1\xff\1")), UP),
    Case("capabilities_of_every_unknown_code", "RFC 5492 3", OPENING,
         says(*(capability(code, b"x") for code in list(range(10, 64)) + [200, 254])), UP),
    Case("capability_orf_cut_off", "CVE-2012-1820", OPENING, says(capability(3, b"\0\1\0\1\xff")), UP),
    Case("capability_fqdn_that_lies", "RFC 5492 3", OPENING, says(capability(73, b"\xff")), UP),
    Case("capability_software_version_that_lies", "CVE-2025-43971", OPENING, says(capability(75, b"\0")), UP),
    Case("capability_dynamic_with_a_value", "CVE-2022-37032", OPENING, says(capability(67, b"\1\2\3")), UP),
    Case("capabilities_behind_the_usual_ones", "RFC 5492 4", OPENING, says(capability(200, bytes(100)), last=True), UP),
    Case("capabilities_each_in_its_parameter", "RFC 5492 4", OPENING,
         opened(parameters=lambda asn: b"".join(wire.capabilities(one) for one in usual(asn) * 2)), UP),
    Case("only_families_that_we_do_not_carry", "RFC 5492 5", OPENING,
         opened(parameters=lambda asn: wire.capabilities(wire.multiprotocol((25, 70)), wire.as4(asn))),
         End(2, 7, wire.multiprotocol(wire.IPV4) + wire.multiprotocol(wire.IPV6))),
]

EXTENDED = [
    Case("extended_parameters", "RFC 9072 2", OPENING, extended((2, all_usual)), UP),
    Case("extended_parameters_beside_a_true_length", "RFC 9072 2", OPENING, extended((2, all_usual), total=7), UP),
    Case("extended_parameters_of_1000_octets", "RFC 9072 2", OPENING,
         extended((2, lambda asn: all_usual(asn) + capability(200, bytes(250)) * 4)), UP),
    Case("extended_parameters_empty", "RFC 9072 2", OPENING, extended(), UP),
    Case("extended_parameters_twice", "RFC 9072 2", OPENING, extended((2, b""), (2, all_usual)), UP),
    Case("extended_parameter_of_an_unknown_type", "RFC 9072 2", OPENING, extended((2, all_usual), (9, b"\0")), End(2, 4)),
    Case("extended_parameter_inside", "RFC 9072 2", OPENING, extended((255, all_usual)), End(2, 4)),
    *(Case(f"extended_length_off_by_{off}", "RFC 9072 2", OPENING,
           lambda asn, router_id, off=off: extended((2, all_usual), length=3 + len(all_usual(asn)) + off)(asn, router_id),
           End(2, 0)) for off in (-1, 1, 60000)),
    *(Case(f"extended_parameters_cut_off_{text.hex()}", "CVE-2022-40302, CVE-2022-40318", OPENING, cut(text), End(2, 0))
      for text in (b"\xff", b"\xff\0", b"\xff\0\1", b"\xff\0\1\2", b"\xff\0\2\2\0", b"\xff\0\3\2\0\1",
                   b"\xff\xff\xff\2\0\0")),
    Case("extended_capability_overruns", "RFC 5492 4", OPENING, extended((2, b"\x41\5\0\0\xfd\xe9")), End(2, 0)),
]

REFRESH, KEEPALIVE, EMPTY = wire.message(wire.ROUTE_REFRESH, b"\0\1\0\1"), wire.message(wire.KEEPALIVE), wire.update()
STATES = [
    *(Case(f"{name}_in_open_sent", "RFC 6608 4", OPENING, raw(message), End(5, 1, b""))
      for name, message in (("keepalive", KEEPALIVE), ("update", EMPTY), ("refresh", REFRESH))),
    *(Case(f"{name}_in_open_confirm", "RFC 6608 4", CONFIRMING, build, End(5, 2, b""))
      for name, build in (("open", opened()), ("update", raw(EMPTY)), ("refresh", raw(REFRESH)))),
    Case("open_in_established", "RFC 6608 4", LIVE, opened(), End(5, 3, b"")),
    Case("open_that_is_wrong_in_established", "RFC 4271 6.2", LIVE, opened(version=3), End((2, 5), None)),
    Case("a_thousand_keepalives", "RFC 4271 4.4", LIVE, raw(KEEPALIVE * 1000), UP),
]

TEXTS = {"true": b"\5hello", "empty": b"\0", "absent": b"", "too_long": bytes([200]) + b"x" * 10, "long": b"\xff" + b"y" * 255,
         "too_short": b"\1hello", "129_octets": bytes([129]) + b"z" * 129, "not_utf8": b"\4\xff\xfe\x1b[",
         "of_4000_octets": b"\xff" * 4000}
NOTIFICATIONS = [
    *(Case(f"notification_{code}_{subcode}", "RFC 4271 6.4", LIVE, raw(wire.notification(code, subcode)), SILENT)
      for code, subcode in ((0, 0), (1, 1), (1, 99), (2, 1), (2, 7), (3, 1), (3, 11), (4, 0), (5, 0), (5, 3), (6, 0),
                            (6, 1), (6, 3), (6, 4), (6, 5), (6, 6), (6, 7), (6, 8), (6, 9), (6, 10), (6, 255), (7, 1),
                            (8, 0), (9, 0), (255, 255))),
    *(Case(f"notification_shutdown_text_{name}", "RFC 9003 4", LIVE, raw(wire.notification(6, 2, text)), SILENT)
      for name, text in TEXTS.items()),
    *(Case(f"notification_hard_reset_{name}", "RFC 8538 3.1", LIVE, raw(wire.notification(6, 9, data)), SILENT)
      for name, data in (("half", b"\6"), ("whole", b"\6\2\5hello"), ("nested", b"\6\x09" * 100))),
    *(Case(f"notification_{phase}", "RFC 4271 6.4", phase, raw(wire.notification(6, 5)), SILENT)
      for phase in (OPENING, CONFIRMING)),
    Case("notification_and_more_behind_it", "CVE-2022-37035", LIVE,
         raw(wire.notification(3, 1), EMPTY, wire.notification(6, 2), b"\0" * 50), SILENT),
]

REFRESHES = [
    *(Case(f"refresh_of_{name}", clause, LIVE, raw(wire.message(wire.ROUTE_REFRESH, struct.pack("!HBB", afi, subtype, safi))),
           UP) for name, clause, afi, subtype, safi in (
               ("ipv4", "RFC 2918 4", 1, 0, 1), ("ipv6", "RFC 2918 4", 2, 0, 1), ("afi_0", "RFC 2918 4", 0, 0, 1),
               ("an_unknown_afi", "RFC 2918 4", 25, 0, 70), ("multicast", "RFC 2918 4", 1, 0, 2),
               ("safi_255", "RFC 2918 4", 1, 0, 255), ("subtype_3", "RFC 7313 5", 1, 3, 1),
               ("subtype_255", "RFC 7313 5", 2, 255, 1))),
    *(Case(f"refresh_with_orf_{name}", "CVE-2023-41360, FRR #22828", LIVE,
           raw(wire.message(wire.ROUTE_REFRESH, b"\0\1\0\1" + orf)), End(1, 2, struct.pack("!H", 23 + len(orf))))
      for name, orf in (("cut_off", b"\1"), ("overrun", b"\1\x40\0\5\0"), ("lying", b"\1\x80\xff\xff\xff\xff"),
                        ("of_4000_octets", b"\1\x40\x0f\x90" + bytes(4000)))),
    *(Case(f"refresh_{name}_of_five_octets", "RFC 7313 5", LIVE, raw(wire.message(wire.ROUTE_REFRESH, body)),
           End(7, 1, wire.message(wire.ROUTE_REFRESH, body)))
      for name, body in (("begin", b"\0\1\1\1\0"), ("end", b"\0\1\2\1\0"))),
    Case("a_hundred_refreshes", "RFC 2918 4", LIVE, raw(REFRESH * 100), UP),
]

ALL = header_cases() + OPENS + CAPABILITIES + EXTENDED + STATES + NOTIFICATIONS + REFRESHES
