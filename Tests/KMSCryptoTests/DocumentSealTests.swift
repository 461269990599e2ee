import Foundation
import KMSCrypto
import KMSModel
import Testing

/// The seals that have a document, but for tokens.
struct DocumentSealTests {
    // MARK: Passphrase

    @Test func `a passphrase opens what it sealed, and no other one does`() throws {
        try withTemporaryDirectory { directory in
            let path = SealDirectory(directory.path).documentPath
            let seal = try DocumentSeal.make(at: path, passphrase: SealSecret("correct horse battery"))
            #expect(!FileManager.default.fileExists(atPath: path))
            try seal.create(holding: Sample.rootKey())
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            #expect(attributes[.posixPermissions] as? Int == 0o600)
            let before = try contents(of: directory)
            let again = try DocumentSeal(at: path, with: .passphrase(SealSecret("correct horse battery")))
            #expect(try again.open().isSame(as: Sample.rootKey()))
            for wrong in ["correct horse batterz", "correct horse battery "] {
                let other = try DocumentSeal(at: path, with: .passphrase(SealSecret(wrong)))
                #expect(throws: SealFailure.wrongPassphrase(path: path)) { try other.open() }
            }
            #expect(try contents(of: directory) == before)
        }
    }

    @Test func `a new passphrase has a least length, in bytes`() throws {
        for short in ["elevenbytes", "x"] {
            #expect(throws: SealFailure.passphraseTooShort) {
                try DocumentSeal.make(at: "/nowhere/seal.json", passphrase: SealSecret(short))
            }
        }
    }

    @Test func `a credential of another kind is refused before anything is derived`() throws {
        try withTemporaryDirectory { directory in
            let seal = try SharedSeal(in: directory)
            #expect(throws: SealFailure.otherKind(path: seal.files.documentPath, .shares)) {
                try DocumentSeal(at: seal.files.documentPath, with: .passphrase(SealSecret("long enough to be one")))
            }
        }
    }

    // MARK: Shares

    @Test func `any three of five shares open, in any order`() throws {
        try withTemporaryDirectory { directory in
            let seal = try SharedSeal(in: directory)
            for first in 1...5 {
                for second in 1...5 where second != first {
                    for third in 1...5 where third != first && third != second {
                        #expect(try SharedSeal.isRootKey(seal.open([first, second, third])))
                    }
                }
            }
        }
    }

    @Test func `fewer shares, and a share of another seal among them, open nothing`() throws {
        try withTemporaryDirectory { directory in
            let seal = try SharedSeal(in: directory)
            let path = seal.files.documentPath
            for few in [[1, 2], [3], [5, 1]] {
                #expect(throws: SealFailure.wrongShares(path: path)) { try seal.open(few) }
            }
            let other = try withTemporaryDirectory { try SharedSeal(in: $0, seed: 2).shares }
            let mixed = try DocumentSeal(at: path, with: .shares([seal.shares[0], seal.shares[1], other[2]]))
            #expect(throws: SealFailure.wrongShares(path: path)) { try mixed.open() }
        }
    }

    @Test(arguments: [(1, 1), (1, 3), (4, 3), (2, 256), (0, 0), (-1, 5)])
    func `there are no schemes that mean nothing`(threshold: Int, count: Int) {
        #expect(throws: SealFailure.unavailable) {
            try DocumentSeal.make(at: "/nowhere/seal.json", shares: count, threshold: threshold)
        }
    }

    // MARK: Sealing again

    @Test func `another root key takes the place of the one before, for the same shares`() throws {
        try withTemporaryDirectory { directory in
            let seal = try SharedSeal(in: directory)
            let before = try contents(of: directory)
            try seal.seal.seal(Sample.rootKey(9))
            #expect(try seal.seal.open().isSame(as: Sample.rootKey(9)))
            #expect(try seal.open([2, 4, 5]).isSame(as: Sample.rootKey(9)))
            #expect(try contents(of: directory) != before)
            #expect(try contents(of: directory).keys.sorted() == ["seal.json"])
        }
    }

    @Test func `a seal that cannot be written leaves the one before`() throws {
        try withTemporaryDirectory { directory in
            let (seal, shares) = try DocumentSeal.make(
                at: directory.appendingPathComponent("missing/seal.json").path, shares: 2, threshold: 2)
            #expect(shares.count == 2)
            #expect(throws: SealFailure.self) { try seal.seal(Sample.rootKey()) }
        }
    }

    @Test func `without random bytes nothing is made or replaced`() throws {
        try withTemporaryDirectory { directory in
            let path = SealDirectory(directory.path).documentPath
            for draws in 0..<3 {
                let randomness = FailingRandomness(after: draws)
                #expect(throws: SealFailure.unavailable, "\(draws) draws") {
                    try DocumentSeal.make(at: path, shares: 3, threshold: 2, randomness: randomness)
                }
            }
            let (seal, _) = try DocumentSeal.make(
                at: path, shares: 3, threshold: 2, randomness: FailingRandomness(after: 3))
            #expect(throws: SealFailure.unavailable) { try seal.seal(Sample.rootKey()) }
            #expect(try contents(of: directory).isEmpty)
        }
    }

    @Test func `a document is not made where there is one`() throws {
        try withTemporaryDirectory { directory in
            let seal = try SharedSeal(in: directory)
            let before = try contents(of: directory)
            #expect(throws: SealFailure.alreadyExists(path: seal.files.documentPath)) {
                try seal.seal.create(holding: Sample.rootKey())
            }
            #expect(try contents(of: directory) == before)
        }
    }
}
