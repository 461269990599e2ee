import KMSModel
import Synchronization

/// Which keys are in memory where not all of them have room, and which of them leaves when another comes.
///
/// What comes and goes together is every key of one identifier: related keys of all regions. The one that leaves is found as
/// by a clock's hand that goes round (CLOCK, or second chance): it takes the first that was not used since it came by last.
struct KeyResidents {
    /// Whether the keys of an identifier were used since the hand came by: noted with each look-up, without any lock of its
    /// own.
    final class Mark: Sendable {
        private let wasUsed = Atomic(true)

        func note() { wasUsed.store(true, ordering: .relaxed) }

        fileprivate func take() -> Bool { wasUsed.exchange(false, ordering: .relaxed) }
    }

    private struct Resident {
        let mark = Mark()
        /// Which of all comings it was.
        let number: UInt64
        var keys: [KeyARN]
        /// Where it stands in the hand's round.
        var place: Int
    }

    private let capacity: Int
    private var residents: [KeyID: Resident] = [:]
    private var round: [KeyID] = []
    private var hand = 0
    private var lastNumber: UInt64 = 0

    /// - Parameter capacity: How many identifiers there is room for.
    init(capacity: Int) { self.capacity = max(1, capacity) }

    /// How many identifiers are there.
    var count: Int { round.count }

    /// Every identifier that is there.
    var ids: [KeyID] { round }

    func contains(_ id: KeyID) -> Bool { residents[id] != nil }

    /// The keys of an identifier; nil when they are not there.
    func keys(of id: KeyID) -> [KeyARN]? { residents[id]?.keys }

    /// Which of all comings it was that brought an identifier, or nil when it is not there.
    func number(of id: KeyID) -> UInt64? { residents[id]?.number }

    /// Says which keys of an identifier are there now, all that exist.
    ///
    /// - Returns: What is noted when one of them is used.
    mutating func put(_ keys: [KeyARN], of id: KeyID) -> Mark {
        if var resident = residents[id] {
            resident.keys = keys
            residents[id] = resident
            return resident.mark
        }
        lastNumber += 1
        let resident = Resident(number: lastNumber, keys: keys, place: round.count)
        residents[id] = resident
        round.append(id)
        return resident.mark
    }

    mutating func remove(_ id: KeyID) {
        guard let resident = residents.removeValue(forKey: id) else { return }
        let last = round.removeLast()
        if last != id {
            round[resident.place] = last
            residents[last]?.place = resident.place
        }
    }

    /// How many that were used the hand passes before it takes one all the same: when all of a million were used, everybody
    /// would wait for it to go round.
    private static let patience = 256

    /// Takes away those for which there is no room, but none of `newcomers` as long as there are others.
    ///
    /// - Returns: Their keys.
    mutating func makeRoom(for newcomers: [KeyID: some Any]) -> [KeyARN] {
        var keys: [KeyARN] = []
        while round.count > capacity {
            var passed = 0
            // Twice: the first time round all may have been used.
            while passed < 2 * round.count {
                if hand >= round.count { hand = 0 }
                let id = round[hand]
                guard newcomers[id] != nil || (passed < Self.patience && residents[id]?.mark.take() == true)
                else { break }
                hand += 1
                passed += 1
            }
            if hand >= round.count { hand = 0 }
            keys += residents[round[hand]]?.keys ?? []
            remove(round[hand])
            // Another stands here now, the one that came last: its turn is in a round from now.
            hand += 1
        }
        return keys
    }
}
