{#- What ships with the project: names that no tracker needs to have. Another name in their place is
    an analyst's own, and a warning counts it if no tracker has it. -#}

{#- The states of state_categories.csv as it ships. -#}
{% macro shipped_states() %}
    {{ return([
        'Submitted', 'Open', 'Reopened', 'New', 'Registered', 'Planned', 'Backlog', 'To do', 'Todo',
        'Selected', 'Ready for development', 'In Progress', 'In Development', 'Develop',
        'Development', 'Implementation', 'Investigating', 'Analysis', 'Review', 'In Review',
        'Code Review', 'Test', 'Testing', 'In Testing', 'To Verify', 'Staging', 'To be discussed',
        'Wait for Reply', 'Waiting for Reply', 'Waiting', 'Pending', 'On Hold', 'Blocked', 'Paused',
        'Postponed', 'Shelved', 'Fixed', 'Verified', 'Done', 'Closed', 'Resolved', 'Completed',
        'Solved', 'Answered', 'Released', 'Deployed', "Can't Reproduce", 'Cannot Reproduce',
        'Duplicate', "Won't fix", "Won't do", 'Incomplete', 'Obsolete', 'Declined',
        'Third Party Problem', 'As designed', 'Rejected', 'Cancelled', 'Canceled', 'Invalid',
        'Отправлена', 'Зарегистрирована', 'Зарегистрировано', 'Открыта', 'Открыто', 'Открыт',
        'Открыта заново', 'Открыта повторно', 'Переоткрыта', 'Переоткрыто', 'Переоткрыт', 'Новая',
        'Новое', 'Новый', 'Бэклог', 'К выполнению', 'Сделать', 'Запланирована', 'Запланировано',
        'В очереди', 'В работе', 'В процессе', 'Выполняется', 'В разработке', 'Разработка',
        'Анализ', 'Исследование', 'Ревью', 'На ревью', 'Код-ревью', 'Проверка', 'На проверке',
        'Тестирование', 'В тестировании', 'На тестировании', 'Обсуждение', 'Обсуждается',
        'Требует обсуждения', 'Требуется обсуждение', 'На обсуждении', 'Ожидание', 'Ожидает',
        'Ожидает ответа', 'Ожидание ответа', 'Приостановлена', 'Приостановлено', 'Отложена',
        'Отложено', 'Заблокирована', 'Заблокировано', 'На паузе', 'Исправлена', 'Исправлено',
        'Исправлен', 'Проверена', 'Проверено', 'Проверен', 'Подтверждена', 'Выполнена', 'Выполнено',
        'Готова', 'Готово', 'Сделана', 'Сделано', 'Завершена', 'Завершено', 'Закрыта', 'Закрыто',
        'Закрыт', 'Решена', 'Решено', 'Реализована', 'Реализовано', 'Выпущена', 'Выпущено',
        'Не воспроизводится', 'Невоспроизводима', 'Дубликат', 'Дублирует', 'Повтор',
        'Не будет исправлена', 'Не будет исправлено', 'Не будет исправлен', 'Не исправлять',
        'Не будет сделано', 'Неполная', 'Неполный', 'Неполное описание', 'Недостаточно информации',
        'Устарела', 'Устарело', 'Устарел', 'Неактуальна', 'Неактуально', 'Отклонена', 'Отклонено',
        'Отклонён', 'Отклонен', 'Отменена', 'Отменено', 'Проблема третьей стороны',
        'Сторонняя проблема', 'Так и задумано'
    ]) }}
{% endmacro %}


{#- The var story_types as it ships. -#}
{% macro shipped_story_types() %}
    {{ return(['Story', 'User Story', 'Feature', 'История', 'Пользовательская история']) }}
{% endmacro %}


{#- A list of names as rows of one column. -#}
{% macro unnested(names) -%}
    unnest(array[
        {%- for name in names -%}
            {{ text_literal(name) }}{{ ', ' if not loop.last }}
        {%- endfor -%}
    ]::text [])
{%- endmacro %}
