"""The peer of bench/routing.py, run by Kamailio: look up, pick a gateway, set two headers, go on at 503."""

import KSR

NUMBERS = {f"4930{number:04}": f"+4930{number:04}" for number in range(1000)}


def mod_init() -> "Routing":
    return Routing()


class Routing:
    def child_init(self, rank: int) -> int:
        return 0

    # Kamailio 5.6 looks for these two at each send and at each answer, and without them leaves an error behind that
    # the next call into Python raises.
    def ksr_onsend_route(self, msg: object) -> int:
        return 1

    def ksr_reply_route(self, msg: object) -> int:
        return 1

    def ksr_request_route(self, msg: object) -> int:
        if KSR.maxfwd.process_maxfwd(10) < 0:
            KSR.sl.sl_send_reply(483, "Too Many Hops")
            return 1
        if KSR.siputils.has_totag() > 0:
            if KSR.rr.loose_route() > 0:
                KSR.tm.t_relay()
            elif KSR.pv.get("$rm") == "ACK":
                KSR.tm.t_check_trans()
            else:
                KSR.sl.sl_send_reply(404, "Not here")
            return 1
        if KSR.pv.get("$rm") == "CANCEL":
            if KSR.tm.t_check_trans() > 0:
                KSR.tm.t_relay()
            return 1
        KSR.tm.t_check_trans()
        KSR.rr.record_route()
        number = NUMBERS.get(KSR.pv.get("$rU"))
        if number is None:
            KSR.sl.sl_send_reply(404, "Not Found")
            return 1
        KSR.pv.sets("$rU", number)
        if KSR.dispatcher.ds_select_dst(1, 8) < 0:
            KSR.sl.sl_send_reply(503, "No gateway")
            return 1
        KSR.hdr.append("X-Account: 17\r\n")
        KSR.hdr.append("X-Route: carriers\r\n")
        KSR.tm.t_on_failure("ksr_failure_next")
        if KSR.tm.t_relay() < 0:
            KSR.sl.sl_reply_error()
        return 1

    def ksr_failure_next(self, msg: object) -> int:
        if KSR.tm.t_check_status("503") > 0 and KSR.dispatcher.ds_next_dst() > 0:
            KSR.tm.t_on_failure("ksr_failure_next")
            KSR.tm.t_relay()
        return 1
