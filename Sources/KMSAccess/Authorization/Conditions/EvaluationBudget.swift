/// What look-ups and comparisons may take in all, whatever the request and the policies: one budget for a key policy, and one
/// for all documents of the caller's account.
///
/// A step is as long as comparing two bytes, about a nanosecond.
package struct EvaluationBudget {
    /// What every look-up and every comparison takes, however short what is compared.
    static let stepsOfAnything = 64
    /// What looking at one pair of a name and a value takes.
    package static let stepsPerPair = 8
    /// What copying one entry of a list takes.
    package static let stepsPerEntry = 64
    /// From how many steps on a value is kept that was looked up.
    package static let longLookUp = 256

    /// How many steps are left.
    private(set) var steps: Int
    /// What took long to look up.
    private var known: [ConditionKey: ConditionValues] = [:]

    private init(steps: Int) { self.steps = steps }

    /// For one document: half a millisecond.
    package static var ofDocument: Self { Self(steps: 1 << 19) }
    /// For all documents of a caller: a user can have a hundred of them.
    package static var ofCaller: Self { Self(steps: 1 << 21) }

    /// - Throws: ``Undecidable`` when that is more than is left; then nothing is left any more.
    mutating func spend(_ count: Int) throws(Undecidable) {
        guard count <= steps else {
            steps = 0
            throw Undecidable()
        }
        steps -= count
    }

    /// What the request has under a key.
    ///
    /// Policies may ask for a key as often as they like: what takes long is looked up once.
    ///
    /// - Throws: ``Undecidable`` when there is not enough left to look.
    mutating func values(of key: ConditionKey, in source: any ConditionSource) throws(Undecidable) -> ConditionValues {
        try spend(Self.stepsOfAnything)
        if !known.isEmpty, let values = known[key] { return values }
        let count = source.steps(toFind: key)
        guard count >= Self.longLookUp else {
            try spend(count)
            return source.values(of: key)
        }
        try spend(count)
        let values = source.values(of: key)
        known[key] = values
        return values
    }
}
