import Foundation
import KMSCrypto
import Testing

struct KeyShareTests {
    private static func share(_ text: String) throws -> KeyShare { try KeyShare(SealSecret(text)) }

    private static func sample() throws -> String {
        try withTemporaryDirectory { try SharedSeal(in: $0).shares[1].text }
    }

    @Test func `a share is a line that says what it is of`() throws {
        try withTemporaryDirectory { directory in
            let seal = try SharedSeal(in: directory)
            for (number, share) in seal.shares.enumerated() {
                let set = share.setName
                let pattern = try Regex("chatelaine-share-1-\(set)-3-\(number + 1)-[a-z2-7]{52}-[0-9a-f]{8}")
                #expect(share.text.wholeMatch(of: pattern) != nil, "\(number)")
                #expect(try Self.share(share.text).text == share.text)
            }
            #expect(Set(seal.shares.map(\.text)).count == 5)
        }
    }

    @Test func `capital letters and white space around a share do no harm`() throws {
        let text = try Self.sample()
        for variant in [text.uppercased(), "  \(text)\t", "\(text)\r", "\n\(text)\n"] {
            #expect(try Self.share(variant).text == text)
        }
    }

    @Test func `a share with any one sign changed is refused`() throws {
        let text = try Self.sample()
        for index in text.utf8.indices {
            var bytes = Array(text.utf8)
            let position = text.utf8.distance(from: text.utf8.startIndex, to: index)
            bytes[position] = bytes[position] == UInt8(ascii: "b") ? UInt8(ascii: "c") : UInt8(ascii: "b")
            let changed = String(decoding: bytes, as: UTF8.self)
            #expect(throws: KeyShare.Failure.self, "sign \(position)") { try Self.share(changed) }
        }
    }

    @Test func `a share that was cut or lengthened is refused`() throws {
        let text = try Self.sample()
        for length in 1..<text.utf8.count {
            #expect(throws: KeyShare.Failure.self, "\(length) signs") { try Self.share(String(text.prefix(length))) }
        }
        for longer in ["\(text)0", "\(text)-", "0\(text)", "\(text) \(text)"] {
            #expect(throws: KeyShare.Failure.garbled) { try Self.share(longer) }
        }
    }

    @Test func `a share of a newer version is refused as such`() throws {
        let text = try Self.sample().replacing("share-1-", with: "share-2-")
        #expect(throws: KeyShare.Failure.unknownVersion) { try Self.share(text) }
    }

    @Test func `numbers have one form`() throws {
        let text = try Self.sample()
        for (number, other) in [("-3-2-", "-03-2-"), ("-3-2-", "-3-+2-"), ("-3-2-", "-3-0-"), ("-3-2-", "-3-256-")] {
            #expect(throws: KeyShare.Failure.garbled) { try Self.share(text.replacing(number, with: other)) }
        }
    }

    // MARK: Collecting

    @Test func `shares are counted until there are enough, and then forgotten`() throws {
        try withTemporaryDirectory { directory in
            let seal = try SharedSeal(in: directory)
            let collection = try Self.collection(seal)
            for (given, index) in [4, 0].enumerated() {
                #expect(collection.progress.given == given)
                #expect(collection.progress.threshold == 3)
                let taken = try collection.add(seal.shares[index])
                #expect(taken == nil)
            }
            let shares = try #require(try collection.add(seal.shares[2]))
            #expect(shares.map(\.index) == [5, 1, 3])
            #expect(collection.progress.given == 0)
        }
    }

    @Test func `a share that is there already is refused, and the others stay`() throws {
        try withTemporaryDirectory { directory in
            let seal = try SharedSeal(in: directory)
            let collection = try Self.collection(seal)
            _ = try collection.add(seal.shares[1])
            #expect(throws: ShareCollection.Refusal.givenAlready(index: 2)) { try collection.add(seal.shares[1]) }
            #expect(collection.progress.given == 1)
            collection.reset()
            #expect(collection.progress.given == 0)
            _ = try collection.add(seal.shares[1])
            #expect(collection.progress.given == 1)
        }
    }

    @Test func `a share of another seal is refused by the names of both`() throws {
        try withTemporaryDirectory { directory in
            let seal = try SharedSeal(in: directory)
            let other = try SharedSeal(in: directory.appendingPathComponent("."), seed: 2).shares[0]
            let collection = ShareCollection(of: try Self.scheme(seal.seal))
            let refusal = #expect(throws: ShareCollection.Refusal.self) { try collection.add(other) }
            #expect(refusal?.description.contains(other.setName) == true)
            #expect(refusal?.description.contains(seal.shares[0].setName) == true)
            #expect(collection.progress.given == 0)
        }
    }

    private static func scheme(_ seal: DocumentSeal) throws -> ShareScheme {
        guard case .shares(let scheme) = seal.parameters else { throw SealFailure.unavailable }
        return scheme
    }

    private static func collection(_ seal: SharedSeal) throws -> ShareCollection {
        ShareCollection(of: try scheme(seal.seal))
    }
}
