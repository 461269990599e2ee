"""GenerateDataKey, GenerateDataKeyWithoutPlaintext, GenerateRandom."""

from harness import ABSENT, equal, members, refused, run, scenario, shape_error

EITHER = "Please specify either number of bytes or key spec."


@scenario
def a_data_key_decrypts_to_itself(world):
    kms, key = world.kms(), world.key()
    cases = [({"KeySpec": "AES_256"}, 32), ({"KeySpec": "AES_128"}, 16)]
    cases += [({"NumberOfBytes": count}, count) for count in (1, 32, 1023, 1024)]
    for size, count in cases:
        for context in ({}, {"EncryptionContext": {"a": "1"}}):
            made = kms.generate_data_key(KeyId=key["KeyId"], **size, **context)
            members(made, "CiphertextBlob", "Plaintext", "KeyId", "KeyMaterialId")
            equal(len(made["Plaintext"]), count)
            equal((made["KeyId"], made["KeyMaterialId"]), (key["Arn"], key["CurrentKeyMaterialId"]))
            opened = kms.decrypt(CiphertextBlob=made["CiphertextBlob"], **context)
            equal(opened["Plaintext"], made["Plaintext"])
            hidden = kms.generate_data_key_without_plaintext(KeyId=key["KeyId"], **size, **context)
            members(hidden, "CiphertextBlob", "KeyId", "KeyMaterialId")
            equal((hidden["KeyId"], hidden["KeyMaterialId"]), (key["Arn"], key["CurrentKeyMaterialId"]))
            opened = kms.decrypt(CiphertextBlob=hidden["CiphertextBlob"], **context)
            equal(len(opened["Plaintext"]), count)
            if context:
                with refused("InvalidCiphertextException", ABSENT):
                    kms.decrypt(CiphertextBlob=hidden["CiphertextBlob"])


@scenario
def data_keys_are_all_different(world):
    kms, key = world.kms(), world.key()
    made = [kms.generate_data_key(KeyId=key["KeyId"], KeySpec="AES_256")["Plaintext"] for _ in range(20)]
    hidden = [
        kms.generate_data_key_without_plaintext(KeyId=key["KeyId"], KeySpec="AES_256")["CiphertextBlob"]
        for _ in range(20)
    ]
    made += [kms.decrypt(CiphertextBlob=blob)["Plaintext"] for blob in hidden]
    equal(len(set(made)), 40)


@scenario
def a_data_key_has_exactly_one_size(world):
    kms, key = world.kms(), world.key()
    for generate in (kms.generate_data_key, kms.generate_data_key_without_plaintext):
        with refused("ValidationException", EITHER):
            generate(KeyId=key["KeyId"])
        with refused("ValidationException", EITHER):
            generate(KeyId=key["KeyId"], KeySpec="AES_256", NumberOfBytes=32)
        # Before the key is looked up.
        with refused("ValidationException", EITHER):
            generate(KeyId="1234abcd-12ab-34cd-56ef-1234567890ab")
        for count, bound in ((0, "greater than or equal to 1"), (1025, "less than or equal to 1024")):
            text = f"Value '{count}' at 'numberOfBytes' failed to satisfy constraint: Member must have value {bound}"
            with refused("ValidationException", shape_error(text)):
                generate(KeyId=key["KeyId"], NumberOfBytes=count)


@scenario
def random_bytes_are_random(world):
    kms = world.kms()
    for count in (1, 8, 1024):
        answer = kms.generate_random(NumberOfBytes=count)
        members(answer, "Plaintext")
        equal(len(answer["Plaintext"]), count)
    equal(len({kms.generate_random(NumberOfBytes=16)["Plaintext"] for _ in range(50)}), 50)
    with refused("ValidationException", "NumberOfBytes is required."):
        kms.generate_random()
    for count, bound in ((0, "greater than or equal to 1"), (1025, "less than or equal to 1024")):
        text = f"Value '{count}' at 'numberOfBytes' failed to satisfy constraint: Member must have value {bound}"
        with refused("ValidationException", shape_error(text)):
            kms.generate_random(NumberOfBytes=count)
    with refused("CustomKeyStoreNotFoundException"):
        kms.generate_random(NumberOfBytes=8, CustomKeyStoreId="cks-1234567890abcdef0")


if __name__ == "__main__":
    run()
