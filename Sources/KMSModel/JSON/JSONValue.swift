/// A JSON text's value, as it was written: members keep their order, numbers their digits.
package enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    /// The digits as written, such as `1.524085349095E9`; comparing policies needs the text, not a rounded value.
    case number(String)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)
}

/// The members of a JSON object in the order in which they were written.
package struct JSONObject: Sendable, Equatable {
    /// A name with its value.
    package struct Member: Sendable, Equatable {
        /// The name, as written.
        package let name: String
        /// The value.
        package let value: JSONValue

        package init(name: String, value: JSONValue) {
            self.name = name
            self.value = value
        }
    }

    package private(set) var members: [Member]

    package init(_ members: [Member] = []) { self.members = members }

    /// An object with these members, in this order.
    package init(_ members: KeyValuePairs<String, JSONValue>) {
        self.members = members.map { Member(name: $0.key, value: $0.value) }
    }

    /// Adds a member behind the others.
    package mutating func append(_ name: String, _ value: JSONValue) {
        members.append(Member(name: name, value: value))
    }

    /// The value of the last member of this name, or nil: of two members with one name, JSON readers take the later.
    ///
    /// Names are compared by their bytes.
    package subscript(name: String) -> JSONValue? {
        for member in members.reversed() where member.name.isSame(as: name) { return member.value }
        return nil
    }

    /// The same for a name of the API.
    subscript(name: StaticString) -> JSONValue? {
        for member in members.reversed() where member.name.isSame(as: name) { return member.value }
        return nil
    }
}
