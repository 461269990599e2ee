/// Something in an audit log that its server did not write so.
package struct AuditFinding: Sendable, Equatable, CustomStringConvertible {
    /// What it is.
    package enum Kind: String, Sendable, Equatable {
        /// Records that must be there are not: lines, files or the end were taken away.
        case missing
        /// A record is not what was written, or was not written here.
        case changed
        /// A record stands behind a later one.
        case moved
        /// A record is there again.
        case repeated
        /// It is recorded that files were removed up to a record that is there, and ends no file.
        case misstated
        /// A line that is no record of the chain.
        case foreign
        /// The store does not know how far the log went, or with which key it is chained.
        case unknownEnd
    }

    /// A line of a file, the first of which is 1.
    package struct Place: Sendable, Equatable {
        /// The name of the file.
        package let file: String
        /// The line, counted from 1.
        package let line: Int
    }

    /// What it is.
    package let kind: Kind
    /// Where it was noticed: of what is missing, what stands there instead; nil at the end of the log.
    package let place: Place?
    /// The last line that it is about.
    package internal(set) var lastLine: Int?
    /// The records' numbers, as far as there are any.
    package internal(set) var sequences: ClosedRange<UInt64>?

    init(_ kind: Kind, at place: Place? = nil, _ sequences: ClosedRange<UInt64>? = nil) {
        self.kind = kind
        self.place = place
        lastLine = place?.line
        self.sequences = sequences
    }

    /// A sentence that says what and where.
    package var description: String {
        let records = sequences.map {
            $0.count == 1 ? "record \($0.lowerBound)" : "records \($0.lowerBound) to \($0.upperBound)"
        }
        let isOne = sequences.map { $0.count == 1 } ?? (place?.line == lastLine)
        let who = records ?? (isOne ? "a line" : "lines")
        let verb = isOne ? "is" : "are"
        switch kind {
        case .missing:
            return "\(location): \(who) \(verb) missing" + (place == nil ? "" : " in front of this line\(following)")
        case .changed: return "\(location): \(who) \(verb) not what was written"
        case .moved: return "\(location): \(who) \(verb) not in place: later ones stand in front"
        case .repeated: return "\(location): \(who) \(verb) there again"
        case .misstated:
            let speaker = place == nil ? "the store" : "this record"
            return "\(location): \(speaker) says that files were removed up to \(who), which is the last one of no file"
        case .foreign:
            return "\(location): \(who) \(verb) no part of the chain: inserted, or changed beyond recognition"
        case .unknownEnd: return "the store does not tell how far the log went: whether its end is missing is not known"
        }
    }

    /// What cannot be said of the record behind the missing ones: the code that its own is made of is gone with them.
    private var following: String {
        sequences.map { ", so record \($0.upperBound + 1) itself cannot be checked" } ?? ""
    }

    private var location: String {
        guard let place else { return "at the end of the log" }
        guard let lastLine, lastLine != place.line else { return "\(place.file), line \(place.line)" }
        return "\(place.file), lines \(place.line) to \(lastLine)"
    }

    /// Whether `next` is more of the same, which is then one finding with this.
    mutating func extend(with next: AuditFinding) -> Bool {
        guard kind == next.kind, kind != .missing, let place, let other = next.place, place.file == other.file,
            other.line == (lastLine ?? 0) + 1
        else { return false }
        switch (sequences, next.sequences) {
        case (let mine?, let theirs?) where theirs.lowerBound == mine.upperBound + 1:
            sequences = mine.lowerBound...theirs.upperBound
        case (nil, nil): break
        default: return false
        }
        lastLine = next.lastLine
        return true
    }
}

/// What the verification of an audit log came to.
package struct AuditReport: Sendable {
    /// What is wrong, in the order of the log; empty when the log is whole.
    package internal(set) var findings: [AuditFinding] = []
    /// Whether there was more than is listed.
    package internal(set) var hasMoreFindings = false
    /// How many records there are.
    package internal(set) var recordCount = 0
    /// How many files they are in.
    package internal(set) var fileCount = 0
    /// What the first record is proven to stand behind: the last one that was removed, or with what the chain began.
    package internal(set) var base: ChainLink?
    /// The record from which on the log was verified, when it is there and what it follows is not: it cannot be checked.
    package internal(set) var uncheckedStart: UInt64?
    /// How many lines are older than the chain, which ties them as a whole.
    package internal(set) var olderLineCount = 0
    /// The first and the last record.
    package internal(set) var sequences: ClosedRange<UInt64>?
    /// When the first and the last record were made, as they tell it.
    package internal(set) var times: (first: String, last: String)?
    /// Whether the last line of the log is half a record, as a process leaves it that was killed, or somebody writes it.
    package internal(set) var endsWithHalfLine = false

    /// Whether nothing is wrong.
    package var isWhole: Bool { findings.isEmpty }
}
