"""Report on runs: one HTML page with scores, images and comparisons, which loads no other file."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.report.column_audit import write_audit
    from seglet.report.images import ReportImage, choose_report_images, render_report_images
    from seglet.report.page import ReportContent, render_report
    from seglet.report.scores import ReportScores, score_subjects
    from seglet.report.subject import ReportSubject, open_report_data, open_report_subjects

__all__ = [
    "ReportContent",
    "ReportImage",
    "ReportScores",
    "ReportSubject",
    "choose_report_images",
    "open_report_data",
    "open_report_subjects",
    "render_report",
    "render_report_images",
    "score_subjects",
    "write_audit",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "ReportContent": "seglet.report.page",
        "ReportImage": "seglet.report.images",
        "ReportScores": "seglet.report.scores",
        "ReportSubject": "seglet.report.subject",
        "choose_report_images": "seglet.report.images",
        "open_report_data": "seglet.report.subject",
        "open_report_subjects": "seglet.report.subject",
        "render_report": "seglet.report.page",
        "render_report_images": "seglet.report.images",
        "score_subjects": "seglet.report.scores",
        "write_audit": "seglet.report.column_audit",
    },
)
