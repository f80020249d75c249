//! The report's own phrases: everything that is not about a finding.

use checks::kit::messages::Text;

/// Phrases by name.
#[rustfmt::skip]
pub static PHRASES: &[(&str, Text)] = &[
    ("registry", Text { en: "registry", ko: "레지스트리:" }),
    ("image", Text { en: "image", ko: "이미지:" }),
    ("asked", Text { en: "asked", ko: "대상:" }),
    ("from", Text { en: "from {from}", ko: "실행 위치: {from}" }),
    ("here", Text { en: "here", ko: "이 기기" }),
    ("as", Text { en: "as {who}", ko: "로그인: {who}" }),

    ("error", Text { en: "error", ko: "오류" }),
    ("warning", Text { en: "warning", ko: "경고" }),
    ("could-not-tell", Text { en: "could not tell", ko: "판단 불가" }),
    ("skip", Text { en: "skipped", ko: "건너뜀" }),
    ("hint", Text { en: "hint", ko: "참고" }),

    ("saw", Text { en: "saw", ko: "확인" }),
    ("why", Text { en: "why", ko: "이유" }),
    ("fix", Text { en: "fix", ko: "조치" }),
    ("verify", Text { en: "verify", ko: "검증" }),
    ("undo", Text { en: "undo", ko: "취소" }),
    ("takes", Text { en: "effect", ko: "효과" }),
    ("docs", Text { en: "docs", ko: "문서" }),
    ("modes", Text { en: "modes", ko: "유형" }),
    ("explains", Text { en: "explains", ko: "증상" }),
    ("because", Text { en: "because of {code}", ko: "원인: {code}" }),
    ("waits", Text { en: "waits for {by}", ko: "{by} 단계 대기" }),

    ("node", Text { en: "node", ko: "노드" }),
    ("network", Text { en: "network", ko: "네트워크" }),
    ("cluster-admin", Text { en: "cluster admin", ko: "클러스터 관리자" }),
    ("registry-owner", Text { en: "registry owner", ko: "레지스트리 소유자" }),
    ("identity-admin", Text { en: "identity admin", ko: "ID 관리자" }),
    ("developer", Text { en: "developer", ko: "개발자" }),

    ("can-pull", Text { en: "can pull: {proof}", ko: "풀 가능: {proof}" }),
    ("can-sign-in", Text { en: "can sign in to {registry}; no image was named, so nothing was pulled", ko: "로그인 가능: {registry}. 이미지를 지정하지 않아 풀 가능 여부는 확인하지 않음" }),
    ("cannot-pull", Text { en: "cannot pull: {why}", ko: "풀 불가: {why}" }),
    ("cannot-sign-in", Text { en: "cannot sign in: {why}", ko: "로그인 불가: {why}" }),
    ("verdict-could-not-tell", Text { en: "could not tell: {why}", ko: "판단 불가: {why}" }),
    ("cut-short", Text { en: "could not tell: the recording ends before the run did, during {step}", ko: "판단 불가: 기록이 도중에 끊김. 진행 중이던 단계: {step}" }),
    ("nothing-asked", Text { en: "could not tell: nothing was asked, or the recording ends before anything was", ko: "판단 불가: 요청한 것이 없거나, 기록이 그 전에 끊김" }),
    ("not-all-asked", Text { en: "what was asked passed; whether it can be pulled was not asked", ko: "요청한 항목은 통과함. 풀 가능 여부는 확인하지 않음" }),

    ("counts", Text { en: "{causes} cause(s), {warnings} warning(s); {passed} passed, {failed} failed, {blocked} not reached", ko: "원인 {causes}건, 경고 {warnings}건. 단계: 통과 {passed}개, 실패 {failed}개, 미도달 {blocked}개" }),
    ("counts-unknown", Text { en: ", {unknown} could not tell", ko: ", 판단 불가 {unknown}개" }),
    ("explain", Text { en: "explain: check-acr explain {code}", ko: "설명: check-acr explain {code}" }),

    ("steps", Text { en: "steps", ko: "단계" }),
    ("codes", Text { en: "codes", ko: "코드" }),
    ("settled", Text { en: "settled: {count} of {all} known failure modes", ko: "판별 가능: 알려진 실패 유형 {all}개 중 {count}개" }),
    ("alike", Text { en: "often taken for: {alike}", ko: "자주 혼동되는 유형: {alike}" }),
    ("not-yet-this", Text { en: "none yet", ko: "아직 없음" }),
    ("not-yet", Text { en: "not yet: {count}", ko: "아직 판별 불가: {count}개" }),
];
