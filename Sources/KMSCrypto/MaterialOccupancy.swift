/// How much opened key material there is in memory.
///
/// It is for tests of letting go, and tells no byte of any.
package struct MaterialOccupancy: Sendable, Equatable {
    /// How many materials are kept for their next use.
    package let kept: Int
    /// How many slots of guarded memory are taken: by those, and by what is in use at the moment.
    package let slotsInUse: Int
    /// How many slots hold a byte that is not zero; exact only while nothing is being opened or let go of.
    package let slotsWithContents: Int

    package init(kept: Int, slotsInUse: Int, slotsWithContents: Int) {
        self.kept = kept
        self.slotsInUse = slotsInUse
        self.slotsWithContents = slotsWithContents
    }
}
