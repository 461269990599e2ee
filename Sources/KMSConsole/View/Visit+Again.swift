extension Visit {
    /// The visit of the same page that shows what a form has sent, and does nothing of it.
    func showing(_ form: FormFields, saying failure: ConsoleFailure?) -> Visit {
        var visit = Visit(
            request: request.showing(form), session: session, caller: caller, engine: engine, site: site,
            notices: notices)
        visit.isShownAgain = true
        visit.refusal = failure
        return visit
    }

    /// Whether there is a form, to be done or to be shown.
    var hasForm: Bool { request.isPost || isShownAgain }
}
