import KMSKubernetes
import KMSModel
import Testing

struct KeyEncryptionKeyTests {
    @Test(arguments: [
        "\(Samples.arn)", "\(Samples.arn)#\(Samples.material)",
        "arn:aws-cn:kms:cn-north-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab#\(Samples.material)",
    ])
    func `what was written is read`(text: String) throws {
        let key = try #require(KeyEncryptionKey(text))
        #expect(key.description == text)
        #expect(text.utf8.count <= 166)
    }

    @Test(arguments: [
        "", "#", "\(Samples.arn)#", "\(Samples.arn)#abc", "\(Samples.arn)##\(Samples.material)",
        "\(Samples.arn)#\(Samples.material)#", " \(Samples.arn)", "\(Samples.arn)\n",
        "\(Samples.arn)#\(Samples.material.replacing("01", with: "AB"))", "\(Samples.arn)/#\(Samples.material)",
        "1234abcd-12ab-34cd-56ef-1234567890ab", "arn:aws:kms:us-east-1:111122223333:alias/orders",
        "arn:aws-cn:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "arn:aws:s3:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "arn:aws:kms:us-east-1:111122223333:key/1234ABCD-12ab-34cd-56ef-1234567890ab",
    ])
    func `nothing else is read`(text: String) {
        #expect(KeyEncryptionKey(text) == nil)
    }
}

struct KeyHistoryTests {
    private let first = Samples.key(1)
    private let second = Samples.key(2)
    private let start = ContinuousClock.now

    @Test
    func `an answer of a node that lags does not bring a material back`() {
        var history = KeyHistory()
        for key in [first, second, first] { history.observe(key, at: start) }
        #expect(history.current == second)
        history.observe(first, at: start + KeyHistory.lag - .seconds(1))
        #expect(history.current == second)
    }

    @Test
    func `an alias can be pointed back`() {
        var history = KeyHistory()
        for key in [first, second] { history.observe(key, at: start) }
        history.observe(first, at: start + KeyHistory.lag)
        #expect(history.current == first)
    }

    @Test
    func `what is current is not held on to when it does not serve`() {
        var history = KeyHistory()
        for key in [first, second] { history.observe(key, at: start) }
        history.forgetSuperseded()
        #expect(history.current == second)
        history.observe(first, at: start)
        #expect(history.current == first)
    }

    @Test
    func `an answer without a material says nothing against one with it`() {
        var history = KeyHistory()
        history.observe(first, at: start)
        history.observe(KeyEncryptionKey(arn: first.arn, material: nil), at: start)
        #expect(history.current == first)
    }
}

struct DecryptionKeysTests {
    private let current = Samples.arn("1234abcd-12ab-34cd-56ef-1234567890ab")
    private let other = Samples.arn("00000000-12ab-34cd-56ef-1234567890ab")
    private let foreign = Samples.arn("00000000-12ab-34cd-56ef-1234567890ab", account: "444455556666")
    private let elsewhere = Samples.arn("00000000-12ab-34cd-56ef-1234567890ab", region: "eu-west-1")

    @Test
    func `a key serves what it encrypted, and what the operator names`() {
        let keys = DecryptionKeys(reference: current.description, previous: [foreign])
        #expect(asked(keys, current) == current)
        #expect(asked(keys, foreign) == foreign)
        #expect(asked(keys, other) == nil)
    }

    @Test(arguments: ["alias/orders", "arn:aws:kms:us-east-1:111122223333:alias/orders"])
    func `an alias serves what it can have pointed to`(alias: String) {
        let keys = DecryptionKeys(reference: alias, previous: [])
        #expect(asked(keys, other) == other)
        #expect(asked(keys, foreign) == nil)
        #expect(asked(keys, elsewhere) == nil)
    }

    @Test
    func `a replica serves for the key of another region`() {
        let id = "mrk-1234abcd12ab34cd56ef1234567890ab"
        let replica = Samples.arn(id, region: "eu-west-1")
        let keys = DecryptionKeys(reference: id, previous: [])
        let primary = KeyEncryptionKey(arn: Samples.arn(id), material: nil)
        #expect(keys.key(for: primary, current: replica) == replica)
        let stranger = KeyEncryptionKey(arn: Samples.arn(id, account: "444455556666"), material: nil)
        #expect(keys.key(for: stranger, current: replica) == nil)
        #expect(asked(keys, elsewhere) == nil)
    }

    private func asked(_ keys: DecryptionKeys, _ arn: KeyARN) -> KeyARN? {
        keys.key(for: KeyEncryptionKey(arn: arn, material: nil), current: current)
    }
}
