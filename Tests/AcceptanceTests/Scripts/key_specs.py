"""Every spec, usage and algorithm that the API's model and the server offer is exercised by one of the other scripts."""

import harness
import key_agreement
import key_pair_encryption
import key_pair_imports
import message_authentication
import signing
from harness import equal, refused, run, scenario

# The scenarios of the others are theirs to run.
harness._scenarios.clear()

EXERCISED = (
    {("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT")}
    | {(spec, "SIGN_VERIFY", algorithm) for spec, each in signing.ALGORITHMS.items() for algorithm in each}
    | {(spec, "ENCRYPT_DECRYPT", algorithm) for spec, algorithm in key_pair_encryption.LIMITS}
    | {(spec, "GENERATE_VERIFY_MAC", message_authentication.algorithm_of(spec)) for spec in message_authentication.KINDS}
    | {(spec, "KEY_AGREEMENT", "ECDH") for spec in key_agreement.LENGTHS}
)
LISTS = ("EncryptionAlgorithms", "SigningAlgorithms", "MacAlgorithms", "KeyAgreementAlgorithms")


@scenario
def whatever_can_be_made_is_exercised(world):
    """In a China Region, where every spec is offered."""
    kms = world.kms(region="cn-north-1")
    model = kms.meta.service_model
    offered = set()
    for spec in model.shape_for("KeySpec").enum:
        for usage in model.shape_for("KeyUsageType").enum:
            if (spec, usage) not in {(one, use) for one, use, _ in EXERCISED}:
                # What is left out must be what AWS refuses.
                with refused("ValidationException", f"KeyUsage {usage} is not compatible with KeySpec {spec}"):
                    kms.create_key(KeySpec=spec, KeyUsage=usage)
                continue
            key = kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]
            equal(sum(name in key for name in LISTS), 1, f"lists of algorithms of a {spec} key")
            offered |= {(spec, usage, algorithm) for name in LISTS for algorithm in key.get(name, [])}
    equal(offered, EXERCISED)


@scenario
def every_algorithm_of_the_model_is_exercised(world):
    model = world.kms().meta.service_model
    algorithms = {
        name for shape in ("EncryptionAlgorithmSpec", "SigningAlgorithmSpec", "MacAlgorithmSpec", "KeyAgreementAlgorithmSpec")
        for name in model.shape_for(shape).enum
    }  # fmt: skip
    equal({algorithm for _, _, algorithm in EXERCISED}, algorithms)


@scenario
def every_spec_that_can_be_imported_is(world):
    kms = world.kms(region="cn-north-1")
    importable = set()
    for spec in kms.meta.service_model.shape_for("KeySpec").enum:
        usage = next(use for one, use, _ in sorted(EXERCISED) if one == spec)
        try:
            kms.create_key(KeySpec=spec, KeyUsage=usage, Origin="EXTERNAL")
        except kms.exceptions.ClientError:
            continue
        importable.add(spec)
    equal(set(key_pair_imports.USAGES) | set(message_authentication.KINDS) | {"SYMMETRIC_DEFAULT"}, importable)


if __name__ == "__main__":
    run()
