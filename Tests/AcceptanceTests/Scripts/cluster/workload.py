"""What the checker's threads do."""

import itertools
import os
import threading
import time
import uuid

from checker import BOUND, MOST_ROTATIONS, REGIONS, Sealed
from history import Register

KEYS, SWITCHED, ALIASES = 6, 4, 4


class Workload:
    """Keys for all to use, and the threads that do."""

    def __init__(self, checker):
        self.checker = checker
        self.numbers = itertools.count(1)

    def prepare(self):
        """Makes the keys, each on one node, and lets every node use them once."""
        check, nodes = self.checker, itertools.cycle(self.checker.nodes)
        self.described, self.tagged, self.switched, self.aliases, self.signers = [], [], [], [], []
        for number in range(KEYS):
            key, call = check.make_key(next(nodes), REGIONS[number % len(REGIONS)], Description="0")
            check.crypto_keys.append(check.with_rotations(key, call))
            self.described.append(check.add(Register("description", key, "0", call.node, call.end)))
            self.tagged.append(check.add(Register("tag", key, None, call.node, call.end)))
        for number in range(SWITCHED):
            self.switched.append(self._switched(next(nodes), REGIONS[number % len(REGIONS)]))
        for number in range(ALIASES):
            key = check.crypto_keys[number % len(REGIONS)]
            alias = f"alias/cluster-{number}"
            register = Register("alias", key, None, next(nodes), time.monotonic(), detail=alias)
            self.aliases.append(check.add(register))
        for spec, usage in (("HMAC_256", "GENERATE_VERIFY_MAC"), ("ECC_NIST_P256", "SIGN_VERIFY")):
            self.signers.append(check.make_key(next(nodes), REGIONS[0], KeySpec=spec, KeyUsage=usage)[0])
        self.probed = [self._switched(next(nodes), REGIONS[0]), self._described(next(nodes), REGIONS[0])]
        time.sleep(BOUND)
        for node in check.nodes:
            for key in check.crypto_keys:
                sealed = check.seal(key, node, os.urandom(16))
                for other in check.nodes:
                    check.open(sealed, other)
                check.sealed.append(sealed)

    def _switched(self, node, region):
        key, call = self.checker.make_key(node, region)
        return self.checker.add(Register("state", key, "Enabled", node, call.end))

    def _described(self, node, region):
        key, call = self.checker.make_key(node, region, Description="0")
        return self.checker.add(Register("description", key, "0", node, call.end))

    def start(self, pace=1.0):
        """`pace`: how long each thread pauses, as a share of what is usual."""
        for name, step, pause in (
            ("names", self.name, 0.03), ("switches", self.switch, 0.03), ("makers", self.make, 0.1),
            ("readers 1", self.read, 0.01), ("readers 2", self.read, 0.01), ("uses", self.use_switched, 0.01),
            ("ciphers 1", self.encipher, 0.01), ("ciphers 2", self.decipher, 0.01), ("signs", self.sign, 0.04),
            ("probe of changes", self.probe_change, 0.05), ("probe of switches", self.probe_switch, 0.05),
        ):  # fmt: skip
            self.checker.work(name, step, pause * pace)

    # Writers; each register has one

    def name(self, dice):
        """Changes a description, a tag or an alias."""
        check, node = self.checker, self.checker.any_node(dice)
        value = str(next(self.numbers))
        match dice.randrange(3):
            case 0:
                register = dice.choice(self.described)
                check.write(register, value, node, "UpdateKeyDescription", KeyId=register.key.id, Description=value)
            case 1:
                register = dice.choice(self.tagged)
                if register.last is not None and dice.random() < 0.2:
                    check.write(register, None, node, "UntagResource", KeyId=register.key.id, TagKeys=["round"])
                else:
                    tags = [{"TagKey": "round", "TagValue": value}]
                    check.write(register, value, node, "TagResource", KeyId=register.key.id, Tags=tags)
            case 2:
                self.alias(dice, node)

    def alias(self, dice, node):
        check, register = self.checker, dice.choice(self.aliases)
        targets = [key.id for key in check.crypto_keys if key.region == register.key.region and key.id != register.last]
        target = dice.choice(targets)
        # When it is not known whether there is one, the next attempts tell.
        exists = register.last is not None if register.is_settled(node, time.monotonic()) else dice.random() < 0.5
        if not exists:
            check.write(register, target, node, "CreateAlias", AliasName=register.detail, TargetKeyId=target)
        elif dice.random() < 0.3:
            check.write(register, None, node, "DeleteAlias", AliasName=register.detail)
        else:
            check.write(register, target, node, "UpdateAlias", AliasName=register.detail, TargetKeyId=target)

    def switch(self, dice):
        """Disables and enables a key, and sometimes schedules its end and thinks better of it."""
        check, register = self.checker, dice.choice(self.switched)
        key = {"KeyId": register.key.id}
        if dice.random() < 0.1:
            node = check.any_node(dice, well=True)
            call = check.write(register, "PendingDeletion", node, "ScheduleKeyDeletion", PendingWindowInDays=30, **key)
            if call.outcome != "refused":
                self._keep(dice, register)
        elif register.last == "Enabled":
            check.write(register, "Disabled", check.any_node(dice), "DisableKey", **key)
        else:
            check.write(register, "Enabled", check.any_node(dice), "EnableKey", **key)

    def _keep(self, dice, register):
        """Cancels the end of a key, which must not come when clocks are moved."""
        check, refusals, deadline = self.checker, 0, time.monotonic() + 90
        while time.monotonic() < deadline and refusals < 3:
            node = check.any_node(dice, well=True)
            call = check.write(register, "Disabled", node, "CancelKeyDeletion", KeyId=register.key.id)
            if call.done:
                return
            # It was not scheduled after all, or this node does not know yet.
            refusals += call.code == "KMSInvalidStateException"
            time.sleep(BOUND)

    def make(self, dice):
        """Makes a key or a grant, or rotates a key, and lets other nodes use it at once."""
        check = self.checker
        match dice.randrange(4):
            case 0:
                node = check.any_node(dice)
                key, call = check.make_key(node, dice.choice(REGIONS))
                if key:
                    self._use_at_once(key, call, dice)
            case 1 | 2:
                self.grant(dice)
            case 3:
                self.rotate(dice)

    def rotate(self, dice):
        check, node = self.checker, self.checker.any_node(dice)
        able = [key for key in check.crypto_keys if key.rotations.last < MOST_ROTATIONS]
        if not able:
            key, call = check.make_key(node, dice.choice(REGIONS))
            if key:
                # Others may not know it any sooner.
                time.sleep(BOUND)
                check.crypto_keys.append(check.with_rotations(key, call))
            return
        key = dice.choice(able)
        call = check.write(key.rotations, key.rotations.last + 1, node, "RotateKeyOnDemand", KeyId=key.id)
        if call.done:
            self._use_at_once(key, call, dice)

    def _use_at_once(self, key, call, dice):
        """What a node encrypts with what it just made, another one decrypts without waiting for anything."""
        check = self.checker
        sealed = check.seal(key, call.node, os.urandom(16))
        if sealed:
            check.open(sealed, check.any_node(dice, besides=call.node))
            check.sealed.append(sealed)

    def grant(self, dice):
        check, node = self.checker, self.checker.any_node(dice)
        grants = [each for each in check.registers[-60:] if each.kind == "grant" and each.last]
        if grants and dice.random() < 0.5:
            register = dice.choice(grants)
            check.write(register, False, node, "RevokeGrant", KeyId=register.key.id, GrantId=register.detail)
            return
        key = dice.choice(check.crypto_keys)
        call = check.ask(
            node, key.region, "CreateGrant", KeyId=key.id, GranteePrincipal=check.call_node.account.root,
            Operations=["Decrypt"], Name=uuid.uuid4().hex,
        )  # fmt: skip
        if call.done:
            check.note_write(call)
            check.add(Register("grant", key, True, node, call.end, detail=call.answer["GrantId"]))

    # Readers

    def read(self, dice):
        check = self.checker
        register = dice.choice(check.registers[-80:] if dice.random() < 0.5 else check.registers)
        check.read(register, check.any_node(dice))

    def use_switched(self, dice):
        """Uses a key that is disabled now and then: that it can be used shows its state as well as reading it does."""
        check, register = self.checker, dice.choice(self.switched)
        self._state_by_use(register, check.any_node(dice))

    def _state_by_use(self, register, node):
        allowed = ("DisabledException", "KMSInvalidStateException")
        call = self.checker.ask(
            node, register.key.region, "Encrypt", allowed=allowed, KeyId=register.key.id, Plaintext=b"x"
        )
        if call.done or call.code in allowed:
            state = {"": "Enabled", "DisabledException": "Disabled"}.get(call.code, "PendingDeletion")
            self.checker.saw(register, state, call, "Encrypt")
            return call, state
        return call, None

    # Cryptography

    def encipher(self, dice):
        check = self.checker
        node = dice.choice([node for node in check.nodes if node.is_running] or check.nodes)
        key = dice.choice(check.crypto_keys)
        if dice.random() < 0.5:
            sealed = check.seal(key, node, os.urandom(32))
        else:
            call = check.use(node, key.region, "GenerateDataKey", KeyId=key.id, KeySpec="AES_256")
            sealed = Sealed(key, call.answer["CiphertextBlob"], call.answer["Plaintext"]) if call.done else None
        if sealed:
            check.open(sealed, check.any_node(dice, besides=node))
            check.sealed.append(sealed)

    def decipher(self, dice):
        """Opens something old on any node, whatever trouble it is in."""
        check = self.checker
        node = dice.choice([node for node in check.nodes if node.is_running] or check.nodes)
        check.open(dice.choice(check.sealed), node)

    def sign(self, dice):
        check, message = self.checker, os.urandom(20)
        node, other = check.any_node(dice), check.any_node(dice)
        mac, signer = self.signers
        made = check.use(
            node, mac.region, "GenerateMac", KeyId=mac.id, MacAlgorithm="HMAC_SHA_256", Message=message)
        if made.done:
            check.use(other, mac.region, "VerifyMac", KeyId=mac.id, MacAlgorithm="HMAC_SHA_256", Message=message,
                      Mac=made.answer["Mac"])  # fmt: skip
        how = {"KeyId": signer.id, "SigningAlgorithm": "ECDSA_SHA_256", "Message": message}
        made = check.use(node, signer.region, "Sign", **how)
        if made.done:
            check.use(other, signer.region, "Verify", Signature=made.answer["Signature"], **how)

    # Probers: how long it takes until others see a change

    def probe_change(self, dice):
        register, value = self.probed[1], str(next(self.numbers))
        self._probe(
            dice, register, value, "a change is read", "UpdateKeyDescription",
            lambda node: self._described_as(register, node, value), Description=value,
        )  # fmt: skip

    def _described_as(self, register, node, value):
        call = self.checker.read(register, node)
        return call, call.done and call.answer["KeyMetadata"]["Description"] == value

    def probe_switch(self, dice):
        register = self.probed[0]
        for value, operation, what in (
            ("Disabled", "DisableKey", "a disabled key is refused"), ("Enabled", "EnableKey", None),
        ):  # fmt: skip
            def look(node, value=value):
                call, state = self._state_by_use(register, node)
                return call, state == value

            while not self._probe(dice, register, value, what, operation, look):
                if self.checker.is_over(0.2):
                    return

    def _probe(self, dice, register, value, what, operation, look, **parameters):
        """Writes on one node and looks on the others until all show it; whether the write was acknowledged."""
        check = self.checker
        writer = check.any_node(dice, well=True)
        call = check.write(register, value, writer, operation, KeyId=register.key.id, **parameters)
        if not call.done:
            return False

        def watch(node):
            # A node in trouble is left to the other threads.
            while not check.is_over():
                seen, shows = look(node)
                if node.troubles_during(call.start, seen.end):
                    return
                if shows:
                    if what:
                        check.propagation[what].append(max(0.0, seen.start - call.end))
                    return

        threads = [threading.Thread(target=watch, args=(node,)) for node in check.nodes if node is not writer]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return True
