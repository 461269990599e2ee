/// What all pages have around their content.
struct Frame: Sendable {
    /// A part of the console.
    struct Place: Sendable {
        let name: String
        let href: String
        let isCurrent: Bool
    }

    /// A region that the visitor can go to.
    struct Region: Sendable {
        let name: String
        let isCurrent: Bool
    }

    /// Who is signed in, and where.
    struct Visitor: Sendable {
        let arn: String
        let account: String
        let region: String
        let formToken: String
        let places: [Place]
        let regions: [Region]
        /// The page, as it is called in every region.
        let page: String
        /// The part of the console that the page is in; nil for none.
        let current: String?
    }

    /// What the page is called.
    let title: String
    let stylesheet: String
    let script: String
    let icon: String
    /// Nil before anybody has signed in.
    var visitor: Visitor?
    /// What was just done.
    var notice: String?
}

/// What went wrong, in AWS's own words.
struct Alert: Sendable {
    let code: String
    let message: String

    init(_ failure: ConsoleFailure) {
        code = failure.code
        message = failure.message
    }
}
