import KMSAccess
import KMSEngine
import KMSModel

extension Visit {
    /// A part of the console, and what its path ends with.
    enum Place: String, CaseIterable {
        case keys, managed, access, explain, audit, usage

        fileprivate var name: String {
            switch self {
            case .keys: "Customer managed keys"
            case .managed: "AWS managed keys"
            case .access: "Users, roles, policies"
            case .explain: "Explain a decision"
            case .audit: "Audit"
            case .usage: "Usage and quotas"
            }
        }
    }

    /// The frame of a page.
    func frame(_ title: String, at place: Place?) -> Frame {
        var frame = site.frame(title)
        frame.notice = notices.take()
        frame.visitor = Frame.Visitor(
            arn: caller.principal.arn(in: caller.partition), account: caller.principal.account.description,
            region: caller.region.description, formToken: session.formToken,
            places: Place.allCases.map {
                Frame.Place(name: $0.name, href: "\(base)/\($0.rawValue)", isCurrent: $0 == place)
            },
            regions: engine.signIn.regions(for: caller).map {
                Frame.Region(name: $0.description, isCurrent: $0 == caller.region)
            }, page: RegionSwitch.page(of: self), current: place?.name)
        return frame
    }

    /// A page of the console.
    func page(
        _ template: Templates.Name, _ title: String, at place: Place?, alert: ConsoleFailure? = nil,
        _ content: some Sendable
    ) -> ConsoleResponse {
        let screen = Screen(frame: frame(title, at: place), alert: alert.map(Alert.init), content: content)
        return .page(site.templates.render(template, screen), status: alert?.status ?? 200)
    }

    /// Sends the browser on after something was done.
    func done(_ notice: String, goingTo path: String) -> ConsoleResponse {
        notices.leave(notice)
        return .seeOther(path)
    }
}
