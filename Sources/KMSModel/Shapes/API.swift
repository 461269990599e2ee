/// The shapes of the API model, under the model's own names.
package enum API {}

/// A shape of the API model that an answer carries.
package protocol ResponseShape: Sendable {
    /// Writes the shape as JSON; absent members are left out.
    func write(to writer: inout JSONWriter)
}

extension API {
    /// The output of an operation for which the model has no output shape: an empty body.
    package struct Nothing: ResponseShape {
        package init() {}
        package func write(to writer: inout JSONWriter) {}
    }
}
