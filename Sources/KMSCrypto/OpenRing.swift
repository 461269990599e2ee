import KMSModel
import Synchronization

/// What was opened last, up to a bound (the CLOCK algorithm: a use marks an entry, a search for room takes the first one
/// that was not used since it last came by).
final class OpenRing<Opened: Sendable>: Sendable {
    fileprivate struct Name: Hashable {
        let id: KeyMaterialID
        let key: KeyARN
        // Part of what the material is bound to, so a record that was edited is not answered for the true one.
        let spec: KeySpec

        init(_ record: MaterialRecord) {
            id = record.id
            key = record.key
            spec = record.spec
        }

        // The identifier is random, so eight bytes of it spread names as well as all of them would.
        func hash(into hasher: inout Hasher) { hasher.combine(id.beginning) }
    }

    fileprivate struct Entry {
        let name: Name
        let opened: Opened
        var wasUsed: Bool
    }

    fileprivate struct Contents {
        var places: [Name: Int] = [:]
        var entries: [Entry?] = []
        var hand = 0
        /// Grows whenever something is forgotten.
        var epoch = 0
    }

    private let capacity: Int
    private let contents = Mutex(Contents())

    /// - Parameter capacity: How many are kept; at least one is.
    init(capacity: Int) { self.capacity = max(1, capacity) }

    /// What `record` was opened to, if it is in the ring, and the time that it is not put into the ring after.
    func opened(_ record: MaterialRecord) -> (opened: Opened?, epoch: Int) {
        let name = Name(record)
        return contents.withLock { contents in
            guard let place = contents.places[name] else { return (nil, contents.epoch) }
            contents.entries[place]?.wasUsed = true
            return (contents.entries[place]?.opened, contents.epoch)
        }
    }

    /// Puts what `record` was opened to into the ring, in the place of what was not used lately when it is full.
    ///
    /// Not if anything was forgotten since `epoch`: it may have been this.
    func insert(_ opened: Opened, of record: MaterialRecord, since epoch: Int) {
        // Not marked: material that is used once must not push out what is used again and again.
        let entry = Entry(name: Name(record), opened: opened, wasUsed: false)
        // The one that has to go is released outside the lock: that zeroes its memory.
        let evicted = contents.withLock { contents in
            contents.epoch == epoch ? contents.insert(entry, capacity: capacity) : nil
        }
        _ = evicted
    }

    /// Lets go of all that is of `key`.
    func forget(_ key: KeyARN) {
        let forgotten = contents.withLock { contents in
            contents.epoch += 1
            var forgotten: [Opened] = []
            for (name, place) in contents.places where name.key == key {
                if let opened = contents.entries[place]?.opened { forgotten.append(opened) }
                contents.entries[place] = nil
                contents.places[name] = nil
            }
            return forgotten
        }
        _ = forgotten
    }

    /// Lets go of everything, when there is no memory for more.
    func forgetEverything() {
        let forgotten = contents.withLock { contents in
            defer { contents = Contents(epoch: contents.epoch) }
            return contents.entries
        }
        _ = forgotten
    }

    /// How many are in the ring.
    var count: Int { contents.withLock { $0.places.count } }
}

extension OpenRing.Contents {
    fileprivate mutating func insert(_ entry: OpenRing.Entry, capacity: Int) -> Opened? {
        if let place = places[entry.name] {
            let old = entries[place]?.opened
            entries[place] = entry
            return old
        }
        if entries.count < capacity {
            places[entry.name] = entries.count
            entries.append(entry)
            return nil
        }
        while let present = entries[hand], present.wasUsed {
            entries[hand]?.wasUsed = false
            hand = (hand + 1) % capacity
        }
        let old = entries[hand]
        if let old { places[old.name] = nil }
        entries[hand] = entry
        places[entry.name] = hand
        hand = (hand + 1) % capacity
        return old?.opened
    }
}
